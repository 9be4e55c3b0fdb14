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
IN_NODES = ('"class_type"', '"inputs"')  # also of a graph that breaks off
MODELS = ("ckpt_name", "unet_name", "model_name")


def findings(text: Text, texts: Sequence[Text]) -> Iterator[Finding]:
    prefix = PREFIX.match(text.value)
    graph = text.value[prefix.end() :] if prefix else text.value.lstrip()
    if not graph.startswith("{"):
        return
    key = prefix[1].lower() if prefix else text.name
    content = json_object(graph)
    nodes = _nodes(content)
    is_torn = not content and key in KEYS and all(mark in graph for mark in IN_NODES)
    if nodes or _is_workflow(content) or is_torn:
        yield made("comfyui", key if key in KEYS else "workflow", graph)
        for model in dict.fromkeys(_models(nodes)):
            yield detail("comfyui", "model", model)


def _nodes(graph: dict[str, Any]) -> list[dict[str, Any]]:
    """Those of a graph that is to be run, or of one within other settings."""
    inner = graph.get("prompt")
    listed = inner if isinstance(inner, dict) else graph
    return [
        node
        for node in listed.values()
        if isinstance(node, dict) and "class_type" in node and isinstance(node.get("inputs"), dict)
    ]


def _is_workflow(graph: dict[str, Any]) -> bool:
    """Whether it is a graph as it is drawn."""
    inner = graph.get("workflow")
    drawn = inner if isinstance(inner, dict) else graph
    return isinstance(drawn.get("nodes"), list) and bool(drawn.keys() & {"links", "last_node_id"})


def _models(nodes: list[dict[str, Any]]) -> Iterator[str]:
    """Model files that the nodes load."""
    named = (node["inputs"].get(name) for node in nodes for name in MODELS)
    yield from (model for model in named if isinstance(model, str))
