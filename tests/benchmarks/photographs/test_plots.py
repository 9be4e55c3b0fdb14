"""Protects: the curves show something, and the sheet the worst mistakes of each class."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from benchmarks.photographs.plots import CAPTION, COLUMNS, THUMBNAIL, draw_mistakes, plot_curves
from trainer.data.examples import DataError
from trainer.photographs.tiers import TIERS

COLOURS = ("red", "green", "blue", "yellow")


def pixels(path: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    with Image.open(path) as image:
        assert image.format == "PNG"
        return np.asarray(image.convert("RGB"))


def test_curves_are_drawn_for_every_tier(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    labels = np.arange(200) % 2
    frames = [
        pd.DataFrame(
            {"tier": tier, "label": labels, "score": random.normal(labels * 2 - 1), "reason": ""}
        )
        for tier in TIERS
    ]
    plot_curves(pd.concat(frames), tmp_path / "curves.png")
    drawn = pixels(tmp_path / "curves.png")
    panels = np.array_split(drawn, 3, axis=1)
    for panel in panels:
        assert len(np.unique(panel.reshape(-1, 3), axis=0)) > 20
    for colour in ((31, 119, 180), (255, 127, 14), (44, 160, 44)):  # matplotlib's first three
        for panel in panels:
            assert (panel == colour).all(-1).any(), "a curve a tier"


def test_the_sheet_has_the_worst_of_each_class_in_order(tmp_path: Path) -> None:
    files = {colour: tmp_path / f"{colour}.png" for colour in COLOURS}
    for colour, path in files.items():
        Image.new("RGB", (300, 300), colour).save(path)
    said = pd.DataFrame(
        [
            ("red", 0, 1.0),
            ("green", 0, 5.0),
            ("not had", 0, 9.0),
            ("blue", 1, -3.0),
            ("yellow", 1, 3.0),
        ],
        columns=["image", "label", "score"],
    ).assign(source="a/source", reason="")
    draw_mistakes(said, files, 2, tmp_path / "sheet.png")
    sheet = pixels(tmp_path / "sheet.png")
    assert sheet.shape == (THUMBNAIL + CAPTION, COLUMNS * THUMBNAIL, 3)
    middles = [sheet[THUMBNAIL // 2, THUMBNAIL * place + THUMBNAIL // 2] for place in range(5)]
    expected = ["#008000", "red", "blue", "yellow", "white"]
    assert [tuple(colour) for colour in middles] == [
        Image.new("RGB", (1, 1), colour).getpixel((0, 0)) for colour in expected
    ]
    assert (sheet[THUMBNAIL:, :THUMBNAIL] < 128).any(), "a caption"

    draw_mistakes(said, files, 1, tmp_path / "sheet.png")
    assert tuple(pixels(tmp_path / "sheet.png")[80, THUMBNAIL + 80]) == (0, 0, 255)


def test_a_sheet_without_pictures_is_told(tmp_path: Path) -> None:
    said = pd.DataFrame(
        {"image": ["a"], "label": [1], "score": [0.0], "source": ["b"], "reason": [""]}
    )
    with pytest.raises(DataError, match="name their folder with --files"):
        draw_mistakes(said, {}, 1, tmp_path / "sheet.png")
    assert list(tmp_path.iterdir()) == []
