"""The marks image generators leave in text, wherever it is kept (PNG text, EXIF)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from scanner.provenance.finding import Finding, Tag

# AUTOMATIC1111's web interface, and the many programs that write its format.
A1111_MARKS = ("Steps: ", "Sampler: ", "Seed: ")
A1111_FIELDS = re.compile(r"\b(Model|Version): ([^,\n]+)")
INVOKEAI_KEYS = {
    "invokeai_metadata", "invokeai_workflow", "invokeai_graph", "sd-metadata", "Dream",
}  # fmt: skip
COMFYUI_KEYS = {"prompt", "workflow"}
COMFYUI_MODELS = ("ckpt_name", "unet_name", "model_name")
MAX_JSON = 2**22  # characters of a graph worth parsing


def findings(key: str, text: str) -> Iterator[Finding]:
    """What a generator wrote under `key`; nothing when no generator is recognised."""
    if key in INVOKEAI_KEYS:
        yield Finding("invokeai", Tag.DECLARED, key, text)
    elif key in COMFYUI_KEYS and text.lstrip().startswith("{"):
        yield Finding("comfyui", Tag.DECLARED, key, text)
        for model in _comfyui_models(text):
            yield Finding("comfyui", Tag.DECLARED, "model", model)
    elif all(mark in text for mark in A1111_MARKS):
        yield Finding("a1111", Tag.DECLARED, "parameters", text)
        for field, value in A1111_FIELDS.findall(text[text.rfind("Steps: ") :]):
            yield Finding("a1111", Tag.DECLARED, field.lower(), value.strip())


def is_novelai(texts: dict[str, str]) -> bool:
    """Whether the texts of a PNG together are NovelAI's, which uses common keys."""
    return texts.get("Software") == "NovelAI" or texts.get("Title") == "NovelAI generated image"


def _comfyui_models(text: str) -> Iterator[str]:
    """Model files that the nodes of a ComfyUI prompt load."""
    try:
        nodes = json.loads(text).values() if len(text) <= MAX_JSON else []
    except (ValueError, RecursionError):
        return
    for node in nodes:
        inputs = node.get("inputs") if isinstance(node, dict) else None
        if isinstance(inputs, dict):
            named = (inputs.get(name) for name in COMFYUI_MODELS)
            yield from (model for model in named if isinstance(model, str))
