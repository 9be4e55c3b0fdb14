"""Lightroom's and Camera Raw's generative removal, which they fill by Firefly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from scanner.provenance.finding import Claim, Finding, Tag
from scanner.provenance.texts.text import Text

FIREFLY = "firefly"


def findings(text: Text, texts: Sequence[Text]) -> Iterator[Finding]:
    if text.name == "fill_method" and text.value.lower() == FIREFLY:
        yield Finding("adobe", Tag.DECLARED, text.name, text.value, Claim.EDITED)
