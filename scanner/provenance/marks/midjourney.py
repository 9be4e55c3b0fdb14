"""Midjourney, whose descriptions end with the job's number."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from scanner.provenance.finding import Finding
from scanner.provenance.marks.mark import UUID, made
from scanner.provenance.texts.text import Text

JOB = re.compile(rf"\bJob ID: ({UUID})?", re.IGNORECASE)
OPTION = re.compile(r"(?:^|\s)--[a-z]+\b", re.IGNORECASE)


def findings(text: Text, texts: Sequence[Text]) -> Iterator[Finding]:
    """Told by options of a prompt before the number, or by its length and who ordered it beside."""
    job = JOB.search(text.value)
    if job is None:
        return
    is_ordered = text.source == "png" and any(each.name == "author" for each in texts)
    is_last = job.end() == len(text.value.rstrip())
    if OPTION.search(text.value[: job.start()]) or (job[1] and is_last and is_ordered):
        yield made("midjourney", text.name, text.value)
