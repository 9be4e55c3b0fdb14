"""Protects: what is told of spoilt pictures is of pictures spoilt as it says."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from benchmarks.photographs import spoilt
from scanner.looks import LOOKS
from scanner.model import METADATA_KEY, Domain, ModelCard
from scanner.quality import QualityBounds
from tests.conftest import ModelMaker

NOISE = np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)


def test_each_change_is_as_its_name_says() -> None:
    picture = spoilt.scaled(Image.fromarray(NOISE), spoilt.LONGEST)
    changed = {name: change(picture) for name, change in spoilt.CHANGES.items()}
    assert len(changed) == 13
    sizes = {name: found.size for name, found in changed.items()}
    assert sizes.pop("shorter side 240 pixels") == (320, 240)
    assert {size for name, size in sizes.items() if "at 400" in name} == {(400, 300)}
    assert {size for name, size in sizes.items() if "at 400" not in name} == {(1024, 768)}
    spread = {name: float(np.asarray(found, float).std()) for name, found in changed.items()}
    assert spread["6% of its contrast"] == pytest.approx(0.06 * spread["1024 pixels"], rel=0.1)
    assert spread["enlarged from 48 pixels"] < spread["enlarged from 80 pixels"]


def test_verdicts_stand_beside_those_of_the_score_alone(
    make_model: ModelMaker, card: ModelCard, tmp_path: Path
) -> None:
    """The model takes bright for fake; the faded picture is neither, and the flat one nothing."""
    careful = replace(
        card,
        domain=Domain("any", 100, 2000),
        quality=QualityBounds(least_detail=0.1, least_texture=0.5, most_blocks=1e6, least_seen=0),
        looks=tuple(LOOKS),
    )
    model = make_model("careful", {METADATA_KEY: careful.to_json()})
    for label, low in (("real", 0), ("fake", 205)):
        (tmp_path / "set" / label).mkdir(parents=True)
        picture = spoilt.scaled(Image.fromarray(NOISE // 5 + np.uint8(low)), spoilt.LONGEST)
        picture.save(tmp_path / "set" / label / "a.png")
    Image.new("RGB", (1024, 400), "white").save(tmp_path / "set" / "fake" / "b.png")
    Image.new("RGB", (1023, 400), "white").save(tmp_path / "set" / "fake" / "too small.png")
    words = [str(tmp_path / "set"), "--model", str(model), "--output", str(tmp_path / "results")]
    done = CliRunner().invoke(spoilt.main, words)
    assert done.exit_code == 0, done.output
    found = json.loads((tmp_path / "results" / "photographs-spoilt.json").read_text())
    rows = {(row["picture"], row["label"]): row for row in found["rows"]}
    plain = rows["1024 pixels", "fake"]
    assert (plain["pictures"], plain["fake by the score alone"], plain["fake"]) == (2, 2, 1)
    assert plain["reasons"] == {"almost no texture": 1}
    assert rows["1024 pixels", "real"]["real"] == 1
    assert rows["6% of its contrast", "fake"]["fake"] == 0
    table = (tmp_path / "results" / "photographs-spoilt.md").read_text()
    assert table.count("\n") == 2 + len(spoilt.CHANGES)


def test_a_folder_without_pictures_is_told(tmp_path: Path) -> None:
    done = CliRunner().invoke(spoilt.main, [str(tmp_path), "--model", "resnet18"])
    assert "holds no images of 1024 pixels in folders named real and fake" in done.output
