"""Protects: how often the map points at what was generated is counted of pictures made as told."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from benchmarks import occlusion
from benchmarks.occlusion import FAKES, GENERATED, OTHER, PHOTOGRAPHS, PLACES, Made, judged
from scanner.model import METADATA_KEY, Domain, ModelCard
from scanner.occlusion import Region
from tests.conftest import ModelMaker

DARK, BRIGHT = 20, 235


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Dark photographs, and one bright generated picture for each place."""
    for label, shade, count in (("real", DARK, 14), ("fake", BRIGHT, 12)):
        (tmp_path / "set" / label).mkdir(parents=True)
        for number in range(count):
            picture = Image.new("RGB", (90, 60), (shade, shade, shade - number))
            picture.save(tmp_path / "set" / label / f"{label}{number}.png")
    return tmp_path / "set"


@pytest.mark.parametrize("place", PLACES)
def test_the_part_lies_where_its_place_is(folder: Path, place: str) -> None:
    made = Made(GENERATED, folder / "real/real0.png", folder / "fake/fake0.png", place)
    (folder / "made.jpg").write_bytes(made.jpeg())
    found = np.asarray(Image.open(folder / "made.jpg").convert("L")) > 128
    left, top, right, bottom = PLACES[place]
    assert found.shape == (448, 448)
    assert found.mean() == pytest.approx((right - left) * (bottom - top), abs=0.01)
    rows, columns = np.nonzero(found)
    assert rows.mean() / 448 == pytest.approx((top + bottom) / 2, abs=0.01)
    assert columns.mean() / 448 == pytest.approx((left + right) / 2, abs=0.01)


def test_a_map_is_judged_by_where_its_parts_lie() -> None:
    made = Made(GENERATED, Path("a.png"), Path("b.png"), "left half")
    sides = [(0, 0.4), (0.4, 0.6), (0.6, 0.8), (0.8, 1)]
    for weights, auroc, inside in (
        ((3, 4, 2, 1), 1, 0.5),  # the strongest lies on the border, half of it inside
        ((2, 0, 3, 1), 0.5, 0),
        ((1, 0, 2, 2), 0, 0),
    ):
        found = [
            Region(left, 0, right, 1, weight)
            for (left, right), weight in zip(sides, weights, strict=True)
        ]
        row = judged(made, found)
        assert (row["auroc"], row["inside"], row["chance"]) == (auroc, inside, 0.5)
        assert (row["strongest"], row["weakest"]) == (max(weights), min(weights))


def test_bright_parts_are_found_by_a_model_that_takes_bright_for_fake(
    make_model: ModelMaker, card: ModelCard, folder: Path, tmp_path: Path
) -> None:
    any_size = replace(card, domain=Domain("any", 100, 2000))
    model = make_model("bright", {METADATA_KEY: any_size.to_json()})
    words = [str(folder), "--model", str(model), "--output", str(tmp_path / "results")]
    words += ["--composites", "12", "--controls", "1"]
    done = CliRunner().invoke(occlusion.main, words)
    assert done.exit_code == 0, done.output
    found = json.loads((tmp_path / "results" / "occlusion.json").read_text())
    rows = found["rows"]
    assert [row["kind"] for row in rows] == [GENERATED] * 12 + [OTHER, PHOTOGRAPHS, FAKES]
    assert len({row["part"] for row in rows[:12]}) == 12
    mixed = [row for row in rows if row["kind"] == GENERATED]
    assert all(row["auroc"] > 0.9 for row in mixed)
    assert np.mean([row["inside"] for row in mixed]) > 0.7
    assert [row["verdict"] for row in rows[-2:]] == ["real", "fake"]
    assert all(abs(row["strongest"]) < 0.01 for row in rows[-2:])
    table = (tmp_path / "results" / "occlusion.md").read_text()
    for line in (GENERATED, "of these, one quarter generated", OTHER, PHOTOGRAPHS, FAKES):
        assert f"| {line} |" in table


def test_a_folder_of_too_few_pictures_is_told(folder: Path) -> None:
    done = CliRunner().invoke(occlusion.main, [str(folder), "--composites", "13"])
    assert "holds 14 photographs and 12 generated pictures" in done.output
