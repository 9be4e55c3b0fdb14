"""The apps of ByteDance, which write JSON into EXIF: not all that they export is generated."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from scanner.provenance.finding import Claim, Finding, Tag
from scanner.provenance.marks.mark import json_object
from scanner.provenance.texts.text import Text

GENERATORS = ("dreamina", "dreamina_oversea")
APPS = (*GENERATORS, "doubao", "xinghui")
LABELS = ("1", "2")


def findings(text: Text, texts: Sequence[Text]) -> Iterator[Finding]:
    content = json_object(text.value)
    info, product = content.get("aigc_info"), content.get("product")
    info = json_object(info) if isinstance(info, str) else info
    kind = info.get("aigc_label_type") if isinstance(info, dict) else content.get("aigc_type")
    generated = product in GENERATORS and content.get("exportType") == "generation"
    if kind is not None or product in APPS:
        claim = Claim.AI if str(kind) in LABELS or generated else None
        yield Finding("bytedance", Tag.DECLARED, text.name, text.value, claim)
