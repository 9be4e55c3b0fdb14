"""xAI's Grok, which signs in the description and numbers the image where the artist stands."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from scanner.provenance.finding import Finding
from scanner.provenance.marks.mark import made
from scanner.provenance.texts.text import Text

SIGNATURE = re.compile(r"Signature:\s*([A-Za-z0-9+/]{16,}={0,2})")
SURE = 64  # characters of a signature that needs no number beside it
NUMBER = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def findings(text: Text, texts: Sequence[Text]) -> Iterator[Finding]:
    signature = SIGNATURE.fullmatch(text.value) if text.name == "image_description" else None
    numbers = (NUMBER.fullmatch(each.value) for each in texts if each.name == "artist")
    if signature and (len(signature[1]) >= SURE or any(numbers)):
        yield made("grok", "signature", text.value)
