"""The camera or scanner that EXIF and XMP name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from scanner.provenance.finding import Claim, Finding, Tag
from scanner.provenance.marks.makers import is_generator
from scanner.provenance.texts.text import Text

NAMES = ("camera_make", "camera_model")


def findings(text: Text, texts: Sequence[Text]) -> Iterator[Finding]:
    if text.name in NAMES and not is_generator(text.value):
        yield Finding(text.source, Tag.DECLARED, text.name, text.value, Claim.CAMERA)
