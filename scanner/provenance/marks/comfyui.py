"""ComfyUI: the graph that made the image, wherever its many ways of saving put it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from scanner.provenance.finding import Finding
from scanner.provenance.marks.mark import detail, json_object, made
from scanner.provenance.texts.text import Text

KEYS = ("prompt", "workflow")
# In EXIF the key stands in front of the graph, in the fields of a camera.
PREFIX = re.compile(r"(prompt|workflow):\s*(?=\{)", re.IGNORECASE)
# What graphs have in them, where no key tells that they are some.
IN_GRAPHS = ('"class_type"', '"last_node_id"')
MODELS = ("ckpt_name", "unet_name", "model_name")


def findings(text: Text, texts: Sequence[Text]) -> Iterator[Finding]:
    prefix = PREFIX.match(text.value)
    graph = text.value[prefix.end() :] if prefix else text.value.lstrip()
    key = prefix[1].lower() if prefix else text.name
    is_keyed = text.source == "png" and text.name in KEYS
    is_graph = any(mark in graph for mark in IN_GRAPHS)
    if graph.startswith("{") and (prefix or is_keyed or is_graph):
        yield made("comfyui", key if key in KEYS else "workflow", graph)
        for model in dict.fromkeys(_models(json_object(graph))):
            yield detail("comfyui", "model", model)


def _models(graph: dict[str, Any]) -> Iterator[str]:
    """Model files that the nodes load."""
    inner = graph.get("prompt")
    nodes = inner if isinstance(inner, dict) else graph
    for node in nodes.values():
        inputs = node.get("inputs") if isinstance(node, dict) else None
        if isinstance(inputs, dict):
            named = (inputs.get(name) for name in MODELS)
            yield from (model for model in named if isinstance(model, str))
