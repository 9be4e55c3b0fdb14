"""A model file with a companion that scores before it, whose scores a test can foretell."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

from scanner.files import file_sha256
from scanner.model import METADATA_KEY, FirstPass, ModelCard, ScoredAgain
from tests.conftest import ModelMaker

MARGIN = 0.3  # in logits; the two differ by APART everywhere
APART = 0.2
GREY = 127.5 / 4  # levels of grey to a logit


def write_pair(
    folder: Path,
    make_model: ModelMaker,
    card: ModelCard,
    of: str | None = None,
    scored_again: float = 0.1,
    least_colours: int = 0,
    first: ModelCard | None = None,
) -> Path:
    """`pair.onnx` and, beside it, `pair.int8.onnx`, which sees everything APART less fake.

    of: the SHA-256 of the file that it says to score before; None for that of `pair.onnx`. first:
    what its card says of the model; None for `card`.
    """
    full = folder / "pair.onnx"
    shutil.copy(make_model("full-of-pair", {METADATA_KEY: card.to_json()}), full)
    shares = [ScoredAgain(it.false_positive_rate, scored_again) for it in card.operating_points]
    claim = FirstPass(
        of=of or file_sha256(full),
        margin=MARGIN,
        least_colours=least_colours,
        images=256,
        patterns=0,
        largest_difference=APART,
        mean_difference=APART,
        scored_again=tuple(shares),
    )
    fast = replace(first or card, precision="int8", first_pass=claim)
    made = make_model("first-of-pair", {METADATA_KEY: fast.to_json()}, middle=127.5 + APART * GREY)
    shutil.copy(made, folder / "pair.int8.onnx")
    return full
