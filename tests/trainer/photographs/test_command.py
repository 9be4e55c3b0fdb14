"""Protects: the command makes a model of pictures, and an interrupted one does nothing twice."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from scanner.looks import LOOKS
from scanner.model import INT8_ROWS
from scanner.quality import QualityBounds
from tests.towers import LAYERS
from tests.trainer.photographs.conftest import DRAWN, EACH, GROUPS, SOURCES
from tests.trainer.photographs.test_adapted import write_run
from trainer.photographs import __main__ as command
from trainer.photographs.adapted import whole_numbers
from trainer.photographs.clip import Weights
from trainer.photographs.features import Features
from trainer.photographs.model import PhotographModelError, load_model
from trainer.photographs.sources import read_photographs
from trainer.photographs.strangers import Choice
from trainer.photographs.thresholds import Rates
from trainer.photographs.tiers import AS_IT_IS
from trainer.photographs.tower import tower_bytes

IMAGES = 7 * EACH
ANY = QualityBounds(least_detail=0, least_texture=0, most_blocks=1e6, least_seen=0)
FAR = 1e6
HALF = "8"  # that the SHA-256 of about half of them is below


@pytest.fixture
def run(data: Path, weights: Weights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The command's words, for a tower of two blocks."""
    monkeypatch.setattr(command, "read_weights", lambda _: weights)
    monkeypatch.setattr(command, "BLOCKS", LAYERS)
    monkeypatch.setattr(command, "CHOICES", [Choice((0, 1), 1e-2), Choice((0,), 1e-2)])
    monkeypatch.setattr(command, "SOME_BELOW", HALF)
    # Made-up pictures resemble nothing, be it photographs or each other.
    monkeypatch.setattr(command, "QUALITY", ANY)
    monkeypatch.setattr(command, "bound", lambda _: FAR)
    words = {"data": data, "files": data.parent / "files", "cache": tmp_path / "cache"}
    words["out"] = tmp_path / "run"
    return [word for name, value in words.items() for word in (f"--{name}", str(value))]


def test_a_run_leaves_a_model_its_card_and_every_score(run: list[str], tmp_path: Path) -> None:
    done = CliRunner().invoke(command.main, run)
    assert done.exit_code == 0, done.output
    assert "sources left out, as-it-is: AUROC" in done.output

    model = load_model(tmp_path / "run")
    card = model.card
    assert card.precision == INT8_ROWS
    assert sum(source.images for source in card.sources) == IMAGES
    assert {source.name for source in card.sources} == set(SOURCES)
    assert card.training["whole_images"] == IMAGES
    scores = pd.read_csv(tmp_path / "run" / "left-out.csv")
    some = int((scores[scores["tier"] == "as-it-is"]["sha256"] < HALF).sum())
    assert scores["tier"].value_counts().to_dict() == {
        "as-it-is": IMAGES,
        "web": some,
        "hard": some,
    }
    assert set(scores["verdict"]) <= {"fake", "real", "inconclusive"}
    choices = pd.read_csv(tmp_path / "run" / "choices.csv")
    assert choices["auroc"].is_monotonic_decreasing
    assert card.looks == tuple(LOOKS)
    assert (card.quality, card.ood_at_most) == (ANY, FAR)
    assert card.training["rates_too_low_to_be_shown"] == [0.01, 0.001]
    assert [point.false_positive_rate for point in card.operating_points] == [0.005, 0.01]
    drawn = pd.read_csv(tmp_path / "run" / "others-judged.csv")
    assert set(drawn["source"]) == set(DRAWN)
    assert len(drawn) == len(DRAWN) * EACH

    kept = "cache/*/*/*.npy"  # tokens and qualities
    tokens = {path: path.stat().st_mtime_ns for path in tmp_path.glob(kept)}
    next(iter(tokens)).unlink()  # as if it had been interrupted before
    before = (tmp_path / "run" / "card.json").read_bytes()
    assert CliRunner().invoke(command.main, run).exit_code == 0
    after = {path: path.stat().st_mtime_ns for path in tmp_path.glob(kept)}
    assert sum(after[path] != moment for path, moment in tokens.items()) == 1
    assert (tmp_path / "run" / "card.json").read_bytes() == before
    assert np.array_equal(load_model(tmp_path / "run").head.weights, model.head.weights)


def test_an_adapted_tower_makes_a_model_with_the_head_that_learnt_beside_it(
    run: list[str], data: Path, weights: Weights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "SOME_BELOW", "")
    photographs = read_photographs(data, data.parent / "files")
    tower = tower_bytes(whole_numbers(weights))
    tokens = Features(tower, tmp_path / "cache").of(photographs, AS_IT_IS)
    head = Choice((0, 1), 1e-2).fit(photographs, {AS_IT_IS: tokens})
    write_run(tmp_path / "adapted", photographs, weights, head.weights.ravel())

    done = CliRunner().invoke(command.main, [*run, "--adapted", str(tmp_path / "adapted")])
    assert done.exit_code == 0, done.output
    model = load_model(tmp_path / "run")
    assert "adapted" in model.card.backbone
    assert model.card.training["share_of_the_way"] == 0.5
    assert model.card.training["adapted_on"]["small_pictures"] == IMAGES
    assert np.array_equal(model.head.weights, head.weights)
    assert model.head.bias == 2  # of what was learnt from all
    scores = pd.read_csv(tmp_path / "run" / "left-out.csv").set_index("sha256")["logit"]
    expected = head.logits(tokens) - head.bias
    assert np.corrcoef(scores.loc[[it.sha256 for it in photographs]], expected)[0, 1] > 0.9


def test_a_source_left_out_is_not_in_the_card_nor_its_group(
    run: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "SOME_BELOW", "")  # no image is scored in the other tiers
    enough = Rates(accused=0.02, of_a_source=None, missed=0.02)  # a rate that any number can show
    monkeypatch.setattr(command, "STRICT", enough)
    done = CliRunner().invoke(command.main, [*run, "--leave-out", "two/phones"])
    assert done.exit_code == 0, done.output
    card = json.loads((tmp_path / "run" / "card.json").read_text())
    assert not {source["name"] for source in card["sources"]} & set(GROUPS)
    assert card["training"]["images"] == IMAGES - len(GROUPS) * EACH
    assert list(card["metrics"]) == ["sources left out, as-it-is"]
    assert [it["false_positive_rate"] for it in card["operating_points"]] == [0.005, 0.01, 0.02]


def test_without_pictures_that_are_no_photographs_there_is_no_model(
    run: list[str], data: Path
) -> None:
    for path in data.parent.rglob("drawn-*.png"):
        path.unlink()
    done = CliRunner().invoke(command.main, run)
    assert done.exit_code == 1
    assert "none of the pictures that" in done.output


def test_where_nothing_is_good_enough_for_a_verdict_that_is_told(
    run: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "QUALITY", replace(ANY, least_detail=2))
    done = CliRunner().invoke(command.main, run)
    assert done.exit_code == 1
    assert "too few images are left that may have a verdict" in done.output


def test_no_source_is_left_out_of_what_was_adapted_on_all(run: list[str], tmp_path: Path) -> None:
    words = ["--adapted", str(tmp_path), "--leave-out", "two/phones"]
    done = CliRunner().invoke(command.main, [*run, *words])
    assert done.exit_code == 2
    assert "has seen all sources" in done.output


def test_an_unknown_source_is_told(run: list[str]) -> None:
    done = CliRunner().invoke(command.main, [*run, "--leave-out", "nobody"])
    assert done.exit_code == 1
    assert "there is no source nobody; known: five/both, four/both" in done.output


def test_a_broken_picture_is_named(run: list[str], data: Path) -> None:
    for path in (data.parent / "files").rglob("*.jpg"):
        path.unlink()  # so that the cuts are used, whose hash is not checked
    broken = sorted(data.glob("*.jpg"))[3]
    broken.write_bytes(b"\xff\xd8\xff\xe0 no more")
    done = CliRunner().invoke(command.main, run)
    assert done.exit_code == 1
    assert f"{broken} cannot be decoded" in done.output


def test_a_folder_without_a_run_is_told(tmp_path: Path) -> None:
    with pytest.raises(PhotographModelError, match="no finished run"):
        load_model(tmp_path)
