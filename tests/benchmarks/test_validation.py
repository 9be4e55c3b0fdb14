"""Protects: what validations find stands beside what the card says, each under its own name."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from click.testing import CliRunner

from benchmarks import validation
from scanner.model import METADATA_KEY, ModelCard
from tests.conftest import ModelMaker
from tests.pictures import write_pictures


def test_figures_stand_beside_those_of_the_card(
    make_model: ModelMaker, card: ModelCard, tmp_path: Path
) -> None:
    for split, count in (("train", 8), ("test", 6)):
        write_pictures(tmp_path / "data" / split, count, seed=count)
    figures = {"f1": 0.5, "auroc": 0.25, "expected_calibration_error": 0.125}
    told = replace(card, metrics={"test": figures})
    model = make_model("told", {METADATA_KEY: told.to_json()})
    words = ["--data", tmp_path / "data", "--model", model, "--output", tmp_path / "results"]
    done = CliRunner().invoke(validation.main, [*map(str, words), "--flips", "2"])
    assert done.exit_code == 0, done.output
    found = json.loads((tmp_path / "results" / "validation.json").read_text())
    here, on_card = found["rows"]
    assert (here["photographs"], here["fakes"]) == (6, 6)
    assert here["photographs called fake"] == here["photographs called fake, count"] / 6
    assert on_card["photographs called fake"] == 0.01
    assert {name: on_card[name] for name in figures} == figures
    assert here["auroc"] != 0.25
    table = (tmp_path / "results" / "validation.md").read_text()
    assert "| the card, of the same images | 1.00% (0% to 2.00%) |" in table
    flips = json.loads((tmp_path / "results" / "validation-flips.json").read_text())["rows"]
    assert len(flips) == 2 * 6
    assert all(row["pictures"] == 2 for row in flips)
    paths = (tmp_path / "results" / "validation-flips.csv").read_text()
    assert ".png" not in paths, "no list of pictures"
