"""NovelAI, which writes under keys that many programs use, and so is told by all of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from scanner.provenance.finding import Finding
from scanner.provenance.marks.mark import json_object, made
from scanner.provenance.texts.text import Text

KEYS = {
    "title", "description", "software", "source", "comment", "document_name", "image_description",
    "generation_time",
}  # fmt: skip
NAME, TITLE = "NovelAI", "NovelAI generated image"


def findings(text: Text, texts: Sequence[Text]) -> Iterator[Finding]:
    if text.name in KEYS and _is_its(texts):
        yield made("novelai", text.name, text.value)
    elif json_object(text.value).get("Software") == NAME:
        yield made("novelai", "parameters", text.value)


def _is_its(texts: Sequence[Text]) -> bool:
    """By what it calls itself, or the title that it gives to every image."""
    return any(
        (text.name == "software" and text.value == NAME)
        or (text.name in KEYS and text.value == TITLE)
        for text in texts
    )
