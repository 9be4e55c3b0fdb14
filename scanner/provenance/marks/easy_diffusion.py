"""Easy Diffusion, which gives every setting a text of its own, or all of them one of JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from scanner.provenance.finding import Finding
from scanner.provenance.marks.mark import json_object, made
from scanner.provenance.texts.text import Text

MODELS = ("use_stable_diffusion_model", "stable_diffusion_model")
SETTINGS = {
    "prompt", "negative_prompt", "seed", "sampler_name", "sampler", "num_inference_steps",
    "guidance_scale", "clip_skip", "use_vae_model", *MODELS,
}  # fmt: skip


def findings(text: Text, texts: Sequence[Text]) -> Iterator[Finding]:
    if text.name in SETTINGS and any(each.name in MODELS for each in texts):
        yield made("easy_diffusion", text.name, text.value)
    elif _keys(text) & set(MODELS):
        yield made("easy_diffusion", "parameters", text.value)


def _keys(text: Text) -> set[str]:
    return {key.lower().replace(" ", "_") for key in json_object(text.value)}
