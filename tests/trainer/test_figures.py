"""Protects: the plots are drawn from what they are given, also at the edges."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from scanner.model.figures import reliability
from trainer.figures import plot_histories, plot_misclassified, plot_run


def colours(path: Path) -> int:
    with Image.open(path) as image:
        assert image.format == "PNG"
        return len(set(image.convert("L").tobytes()))


def test_a_model_without_mistakes_has_a_sheet_that_says_so(tmp_path: Path) -> None:
    plot_misclassified(tmp_path / "none.png", [], np.zeros(0), np.zeros(0, np.int64))
    white = np.full((8, 8, 3), 255, np.uint8)
    plot_misclassified(tmp_path / "one.png", [white], np.ones(1), np.zeros(1, np.int64))
    headings = []
    for name in ("none.png", "one.png"):
        with Image.open(tmp_path / name) as sheet:
            headings.append(sheet.convert("L").crop((0, 0, sheet.width, 25)).tobytes())
    assert colours(tmp_path / "none.png") > 2
    assert headings[0] != headings[1]


def test_every_mistake_is_shown(tmp_path: Path) -> None:
    flat = [np.full((8, 8, 3), shade, np.uint8) for shade in (17, 94, 181)] * 5
    plot_misclassified(tmp_path / "sheet.png", flat, np.full(15, 0.9), np.zeros(15, np.int64))
    with Image.open(tmp_path / "sheet.png") as sheet:
        shown = set(sheet.convert("L").tobytes())
    assert {17, 94, 181} <= shown


def test_histories_of_many_runs_share_one_plot(tmp_path: Path) -> None:
    history = pd.DataFrame({"epoch": [1.0, 2.0], "loss": [0.5, 0.4], "accuracy": [0.8, 0.9]})
    runs = {f"{name}: {kind}": history for name in ("a", "b") for kind in ("whole", "without")}
    plot_histories(tmp_path / "curves.png", "Curves", runs)
    assert colours(tmp_path / "curves.png") > 10


def test_a_perfect_and_certain_model_can_be_drawn(tmp_path: Path) -> None:
    steps = pd.DataFrame({"step": [1], "learning_rate": [0.1], "loss": [0.5]})
    evaluations = pd.DataFrame({"step": [1], "loss": [0.5], "f1": [1.0]})
    logits, labels = np.array([-40, 40], np.float32), np.array([0, 1])
    plot_run(tmp_path, steps, evaluations, logits, labels, reliability(logits, labels), 0.0)
    assert colours(tmp_path / "reliability.png") > 10
