"""IPTC's properties for generated images: the source type, and the system and prompt behind it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from scanner.provenance import source_type
from scanner.provenance.finding import Claim, Finding, Tag
from scanner.provenance.texts.text import Text

SOURCE_TYPES = {"digital_source_type", "digitalsourcetype"}
SYSTEMS = {"ai_system", "ai_system_version", "ai_prompt", "ai_prompt_writer"}
NO_SYSTEM = ("", "none", "no", "n/a", "na", "-", "null", "false")
# In texts of other kinds, which may speak of types, only alone.
ADDRESS = re.compile(r"https?://cv\.iptc\.org/newscodes/digitalsourcetype/\w+/?", re.IGNORECASE)


def findings(text: Text, texts: Sequence[Text]) -> Iterator[Finding]:
    """The system claims something only where no source type tells how much of the image is its."""
    if text.name in SOURCE_TYPES:
        claim = source_type.claim(text.value)
        yield Finding("iptc", Tag.DECLARED, "digital_source_type", text.value, claim)
    elif text.name in SYSTEMS:
        is_typed = any(each.name in SOURCE_TYPES for each in texts)
        is_named = text.name == "ai_system" and text.value.lower() not in NO_SYSTEM
        claim = Claim.AI if is_named and not is_typed else None
        yield Finding("iptc", Tag.DECLARED, text.name, text.value, claim)
    elif ADDRESS.fullmatch(text.value):
        claim = source_type.claim(text.value)
        yield Finding("iptc", Tag.DECLARED, "digital_source_type", text.value, claim)
