"""Fooocus and RuinedFooocus."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from scanner.provenance.finding import Finding
from scanner.provenance.marks.mark import detail, json_object, made
from scanner.provenance.texts.text import Text

PROGRAM = re.compile(r"(?:Ruined)?Fooocus\b", re.IGNORECASE)
OWN = "fooocus_v2_expansion"
MODELS = ("base_model", "base_model_name")


def findings(text: Text, texts: Sequence[Text]) -> Iterator[Finding]:
    if text.name == "fooocus_scheme":
        yield made("fooocus", "scheme", text.value)
        return
    settings = json_object(text.value)
    version = str(settings.get("version", settings.get("software", "")))
    if PROGRAM.match(version) or OWN in settings:
        yield made("fooocus", "parameters", text.value)
        for model in (settings.get(key) for key in MODELS):
            if isinstance(model, str):
                yield detail("fooocus", "model", model)
