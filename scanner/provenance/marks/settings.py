"""Settings of a diffusion model as JSON, of any program: a prompt and how to remove noise by it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from scanner.provenance.finding import Finding
from scanner.provenance.marks.mark import json_object, made
from scanner.provenance.texts.text import Text

PROMPTS = {"prompt", "prompts", "positiveprompt", "fullprompt", "inputprompt", "textprompt"}
SETTINGS = {
    "negativeprompt", "promptneg", "seed", "steps", "numinferencesteps", "sampler", "samplername",
    "scheduler", "cfg", "cfgscale", "guidance", "guidancescale", "modelhash", "loras",
    "denoisingstrength",
}  # fmt: skip
ENOUGH = 2
NOT_LETTERS = re.compile(r"[^a-z]")


def findings(text: Text, texts: Sequence[Text]) -> Iterator[Finding]:
    settings = json_object(text.value)
    if any(_are_some(each) for each in (settings, *settings.values())):
        yield made("diffusion", "parameters", text.value)


def _are_some(settings: Any) -> bool:
    if not isinstance(settings, dict):
        return False
    keys = {NOT_LETTERS.sub("", key.lower()) for key in settings}
    return bool(keys & PROMPTS) and len(keys & SETTINGS) >= ENOUGH
