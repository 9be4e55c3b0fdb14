"""The label that China's standard GB 45438-2025 asks for, as JSON under the name AIGC."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from scanner.provenance.finding import Claim, Finding, Tag
from scanner.provenance.marks.mark import json_object
from scanner.provenance.texts.text import Text

NAME = "aigc"
GENERATED = "1"  # "2" stands for possibly, "3" for suspected
# Who made it, in labels of before the standard, which had no more to say.
MAKERS = {"contentproducer", "serviceprovider"}


def findings(text: Text, texts: Sequence[Text]) -> Iterator[Finding]:
    """That it is generated; nothing where the label only says that it may be."""
    if text.name == f"{NAME}_label":  # of XMP that spells the label out
        label: Any = text.value
    else:
        content = json_object(text.value)
        inner = next((content[key] for key in content if key.lower() == NAME), None)
        is_named = text.name == NAME or text.value.lstrip()[: len(NAME)].lower() == NAME
        if inner is None and not (is_named and content):
            return
        fields = content if inner is None else inner
        fields = json_object(fields) if isinstance(fields, str) else fields
        label = _label(fields) if isinstance(fields, dict) else fields
    claim = Claim.AI if str(label).strip() == GENERATED else None
    yield Finding("aigc_label", Tag.DECLARED, "label", text.value, claim)


def _label(fields: dict[str, Any]) -> Any:
    named = {key.lower(): value for key, value in fields.items()}
    is_signed = any(named.get(maker) for maker in MAKERS)
    return named.get("label", GENERATED if is_signed else None)
