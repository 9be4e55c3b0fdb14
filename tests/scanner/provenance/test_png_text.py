"""The marks of A1111, ComfyUI, InvokeAI and NovelAI are told apart from ordinary PNG text."""

from __future__ import annotations

import json
from typing import Any

import pytest
from PIL import PngImagePlugin

A1111 = (
    "a gull over the sea, best quality\nNegative prompt: boat\n"
    "Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 42, Size: 512x512, Model hash: 6ce0161689, "
    "Model: v1-5-pruned, Version: v1.6.0"
)
GRAPH = json.dumps(
    {
        "3": {"class_type": "KSampler", "inputs": {"seed": 1, "model": ["4", 0]}},
        "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "sd.safetensors"}},
    }
)


def png(encode: Any, **texts: str) -> bytes:
    info = PngImagePlugin.PngInfo()
    for key, text in texts.items():
        info.add_text(key, text)
    data: bytes = encode("PNG", pnginfo=info)
    return data


def told(entries: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    assert {entry["tag"] for entry in entries} <= {"declared"}
    return [(entry["source"], entry["name"], entry["value"]) for entry in entries]


def test_a1111(encode: Any, gathered: Any) -> None:
    assert told(gathered(png(encode, parameters=A1111))) == [
        ("a1111", "parameters", A1111),
        ("a1111", "model", "v1-5-pruned"),
        ("a1111", "version", "v1.6.0"),
    ]


def test_comfyui(encode: Any, gathered: Any) -> None:
    workflow = '{"nodes": []}'
    assert told(gathered(png(encode, prompt=GRAPH, workflow=workflow))) == [
        ("comfyui", "prompt", GRAPH),
        ("comfyui", "model", "sd.safetensors"),
        ("comfyui", "workflow", workflow),
    ]


def test_invokeai(encode: Any, gathered: Any) -> None:
    settings = '{"app_version":"4.2.0","positive_prompt":"a gull"}'
    found = told(gathered(png(encode, invokeai_metadata=settings)))
    assert found == [("invokeai", "invokeai_metadata", settings)]


def test_novelai(encode: Any, gathered: Any) -> None:
    texts = {"Software": "NovelAI", "Description": "a gull", "Comment": '{"steps": 28}'}
    found = told(gathered(png(encode, **texts)))
    assert found == [("novelai", key.lower(), text) for key, text in texts.items()]


def test_ordinary_text_names_no_generator(encode: Any, gathered: Any) -> None:
    found = told(gathered(png(encode, Software="GIMP", prompt="just a word", Secret="x")))
    assert found == [("png", "software", "GIMP")]


@pytest.mark.parametrize("graph", ["{", "{" * 100_000, '{"1": 2, "3": {"inputs": []}}'])
def test_a_broken_graph_is_still_reported(graph: str, encode: Any, gathered: Any) -> None:
    (entry,) = gathered(png(encode, prompt=graph))
    assert (entry["source"], entry["name"]) == ("comfyui", "prompt")
