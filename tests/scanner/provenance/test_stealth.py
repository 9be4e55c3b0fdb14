"""Protects: settings hidden in pixels are read, and no other pixels are taken for some."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from scanner.provenance.finding import Claim
from scanner.provenance.stealth import findings
from tests.scanner.provenance.writing import hidden

NOVELAI = json.dumps({"Description": "a gull", "Software": "NovelAI", "Comment": "{}"})
A1111 = "a gull 海\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 42"


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("text", [NOVELAI, A1111])
def test_texts_in_alpha_and_in_colours(text: str, packed: bool) -> None:
    noise = hidden("", 3, False)
    for rgb, alpha in (
        (noise, hidden(text, 1, packed)),
        (hidden(text, 3, packed), None),
    ):
        first, *_ = findings(rgb, alpha)
        assert (first.claim, first.value) == (Claim.AI, text)


def test_a_mark_whose_text_cannot_be_read_is_told() -> None:
    image = np.array(hidden(A1111, 3, packed=True))
    flat = image.transpose(1, 0, 2).reshape(-1).copy()
    flat[160:400] ^= 1
    damaged = Image.fromarray(flat.reshape(512, 97, 3).transpose(1, 0, 2).copy())
    (found,) = findings(damaged, None)
    assert (found.name, found.claim) == ("unread", None)


def test_colours_are_read_under_an_opaque_alpha_too() -> None:
    image = hidden(A1111, 3, packed=False)
    (first, *_) = findings(image, Image.new("L", image.size, 255))
    assert first.claim is Claim.AI


def test_a_text_that_ends_early_or_unpacks_without_end_is_cut() -> None:
    torn = hidden(A1111 * 9, 1, packed=False).crop((0, 0, 4, 97))
    (found, *_) = findings(hidden("", 3, False), torn)
    assert A1111.startswith(found.value[:40])
    bomb = hidden(A1111 + " " * 5_000_000, 3, packed=True)
    assert len(next(findings(bomb, None)).value) < 2**20


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_noise_says_nothing(height: int, width: int, seed: int) -> None:
    samples = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    noise = Image.fromarray(samples)
    assert list(findings(noise, None)) == []
    assert list(findings(noise, noise.getchannel("R"))) == []
