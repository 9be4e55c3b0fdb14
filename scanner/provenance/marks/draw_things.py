"""Draw Things, which keeps its settings as JSON in XMP."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from scanner.provenance.finding import Finding
from scanner.provenance.marks.mark import detail, json_object, made
from scanner.provenance.texts.text import Text

SETTINGS = {"c", "model", "sampler", "steps"}  # `c` is the prompt


def findings(text: Text, texts: Sequence[Text]) -> Iterator[Finding]:
    settings = json_object(text.value)
    if settings.keys() >= SETTINGS:
        yield made("draw_things", "parameters", text.value)
        yield detail("draw_things", "model", str(settings["model"]))
