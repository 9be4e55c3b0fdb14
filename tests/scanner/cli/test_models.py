"""Protects: the list of models says of each what it was measured to do, and where it runs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scanner.model import INT8_ROWS, METADATA_KEY, ModelCard
from scanner.model.added import add
from tests.conftest import ModelMaker, imgscan
from tests.scanner.views_model import VIEWS, write_views_model


@pytest.mark.parametrize(
    ("changes", "lines"),
    [
        (
            {"precision": INT8_ROWS, "metrics": {"sources left out, as-it-is": {"auroc": 0.9}}},
            (
                "rates    1.0% of photographs called fake, 90.0% of fakes found, "
                "1.0% of fakes called real, 10% inconclusive, of sources left out of training",
                "runs in  int8 on CPUs, float32 with CUDA",
            ),
        ),
        (
            {"precision": "int8"},
            (
                "F1       0.5000 on the test split, before its conversion to int8",
                "runs in  int8, CPU only",
            ),
        ),
    ],
    ids=["without a test split", "converted"],
)
def test_a_model_is_listed_with_what_its_card_has(
    changes: dict[str, Any],
    lines: tuple[str, str],
    make_model: ModelMaker,
    card: ModelCard,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    add(make_model("mine", {METADATA_KEY: replace(card, **changes).to_json()}))
    quality, runs_in = lines
    listed = imgscan("models").stdout
    assert f"  domain   small squares\n  {quality}\n  size " in listed
    assert f"  {runs_in}\n  file " in listed
    assert "not stated" not in listed


def test_more_views_than_one_are_told_in_words(
    card: ModelCard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    model = write_views_model(
        tmp_path / "mine.onnx", replace(card, preprocessing=VIEWS), ("logit",)
    )
    add(model)
    square = "the centre square of the picture, scaled to 16x16 pixels"
    seen = f"{square} and 4 cuts of 16x16 pixels, not scaled"
    listed = imgscan("models").stdout
    assert f"mine  (added)\n  domain   small squares\n  sees     {seen}\n  F1 " in listed
    assert listed.count("  sees ") == 1
    shown = imgscan("models", "mine")
    assert json.loads(shown.stdout)["preprocessing"]["native"] == 4
    assert shown.stderr == f"it sees {seen}\n"
    assert imgscan("models", "resnet18").stderr == ""
