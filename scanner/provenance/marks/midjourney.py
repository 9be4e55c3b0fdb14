"""Midjourney, whose descriptions end with the job's number."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from scanner.provenance.finding import Finding
from scanner.provenance.marks.mark import made
from scanner.provenance.texts.text import Text

UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
JOB = re.compile(rf"\bJob ID: ({UUID})?", re.IGNORECASE)
OPTION = re.compile(r"(?:^|\s)--[a-z]+\b", re.IGNORECASE)


def findings(text: Text, texts: Sequence[Text]) -> Iterator[Finding]:
    """Either is enough: a number of the length that they have, or options of a prompt before it."""
    job = JOB.search(text.value)
    if job and (job[1] or OPTION.search(text.value[: job.start()])):
        yield made("midjourney", text.name, text.value)
