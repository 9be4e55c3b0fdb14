"""Fooocus and RuinedFooocus."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from scanner.provenance.finding import Finding
from scanner.provenance.marks.mark import detail, json_object, made
from scanner.provenance.texts.text import Text

# Of its settings, those that no other program names so.
OWN = {"fooocus_v2_expansion", "metadata_scheme", "full_raw_prompt"}
MODELS = ("base_model", "base_model_name")


def findings(text: Text, texts: Sequence[Text]) -> Iterator[Finding]:
    if text.name == "fooocus_scheme":
        yield made("fooocus", "scheme", text.value)
        return
    settings = json_object(text.value)
    version = str(settings.get("version", settings.get("software", "")))
    if "fooocus" in version.lower() or OWN & settings.keys():
        yield made("fooocus", "parameters", text.value)
        for model in (settings.get(key) for key in MODELS):
            if isinstance(model, str):
                yield detail("fooocus", "model", model)
