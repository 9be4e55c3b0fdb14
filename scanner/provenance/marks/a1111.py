"""AUTOMATIC1111's web interface, Forge, Civitai and the many others that write its format."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from scanner.provenance.finding import Finding
from scanner.provenance.marks.mark import detail, made
from scanner.provenance.texts.text import Text

STEPS = re.compile(r"\bSteps: ?\d{1,4}(?:,|\s*$)", re.IGNORECASE)
# What stands beside the steps, of which some programs leave out some.
BESIDE = re.compile(
    r"\b(?:Sampler: ?[a-z]|Seed: ?-?\d|(?:CFG|Guidance) scale: ?[\d.]|Size: ?\d+x\d)", re.IGNORECASE
)
FIELDS = re.compile(r"\b(Model|Version): ([^,\n]+)")


def findings(text: Text, texts: Sequence[Text]) -> Iterator[Finding]:
    steps = STEPS.search(text.value)
    if steps and BESIDE.search(text.value):
        yield made("a1111", "parameters", text.value)
        for field, value in FIELDS.findall(text.value[steps.start() :]):
            yield detail("a1111", field.lower(), value.strip())
