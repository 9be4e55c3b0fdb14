"""xAI's Grok, which signs in the description and numbers the image where the artist stands."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from scanner.provenance.finding import Finding
from scanner.provenance.marks.mark import UUID, made
from scanner.provenance.texts.text import Text

SIGNATURE = re.compile(r"Signature:\s*[A-Za-z0-9+/]{16,}={0,2}")
NUMBER = re.compile(UUID, re.IGNORECASE)


def findings(text: Text, texts: Sequence[Text]) -> Iterator[Finding]:
    is_signed = text.name == "image_description" and SIGNATURE.fullmatch(text.value)
    if is_signed and any(it.name == "artist" and NUMBER.fullmatch(it.value) for it in texts):
        yield made("grok", "signature", text.value)
