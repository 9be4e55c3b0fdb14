"""SwarmUI and StableSwarmUI."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from scanner.provenance.finding import Finding
from scanner.provenance.marks.mark import detail, json_object, made
from scanner.provenance.texts.text import Text

MARK = "sui_image_params"


def findings(text: Text, texts: Sequence[Text]) -> Iterator[Finding]:
    if f'"{MARK}"' in text.value:
        yield made("swarmui", "parameters", text.value)
        settings = json_object(text.value).get(MARK)
        if isinstance(settings, dict) and isinstance(settings.get("model"), str):
            yield detail("swarmui", "model", settings["model"])
