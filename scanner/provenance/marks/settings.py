"""Settings of a diffusion model as JSON, of any program: a prompt and how to remove noise by it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from scanner.provenance.finding import Finding
from scanner.provenance.marks.mark import json_object, made
from scanner.provenance.texts.text import Text

PROMPTS = {"prompt", "prompts", "positiveprompt", "fullprompt", "inputprompt", "textprompt"}
NAMES = {
    "negativeprompt", "promptneg", "sampler", "samplername", "scheduler", "modelhash", "loras",
}  # fmt: skip
# With the largest that makes sense.
FIGURES = {
    "seed": 2.0**64, "steps": 500, "numinferencesteps": 500, "cfg": 100, "cfgscale": 100,
    "guidance": 100, "guidancescale": 100, "denoisingstrength": 1,
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
    known = {NOT_LETTERS.sub("", key.lower()): value for key, value in settings.items()}
    figures = sum(_is_figure(known[key], most) for key, most in FIGURES.items() if key in known)
    return bool(
        known.keys() & PROMPTS and figures and figures + len(known.keys() & NAMES) >= ENOUGH
    )


def _is_figure(value: Any, most: float) -> bool:
    try:
        return value is not True and -1 <= float(value) <= most
    except (TypeError, ValueError, OverflowError):
        return False
