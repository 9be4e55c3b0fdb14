"""Protects: a group left out is not seen, and an interrupted run ends as an uninterrupted one."""

from __future__ import annotations

import itertools
import json
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from click.testing import CliRunner

from trainer.data.examples import DataError
from trainer.photographs import adapt as command
from trainer.photographs import learning, views
from trainer.photographs.classifier import Classifier
from trainer.photographs.clip import Weights
from trainer.photographs.learning import WARM_UP, share_of_peak
from trainer.photographs.lora import Settings
from trainer.photographs.sources import MANIFEST, read_photographs
from trainer.photographs.views import Pictures

FEW = 2  # images of a source and class
SHARES = (0.0, 1.0)
TRAININGS = ("all", "0", "1")


@pytest.fixture
def words(data: Path, weights: Weights, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The command's, for a tower of two blocks."""
    monkeypatch.setattr(command, "read_weights", lambda _: weights)
    # Less to do, and as much to see.
    manifest = pd.read_csv(data / MANIFEST)
    few = manifest.groupby(["source", "label"]).head(FEW)
    few.to_csv(data / MANIFEST, index=False)
    monkeypatch.setattr(command, "PARTS", 2)
    monkeypatch.setattr(views, "SAVED_AT", (None, 256))
    monkeypatch.setattr(learning, "SCORINGS", 1)
    for module in (command, learning):
        monkeypatch.setattr(module, "SHARES", SHARES)
    places = ("--data", str(data), "--files", str(data.parent / "files"), "--device", "cpu")
    return [*places, "--batch", "4"]


def run(words: list[str], *more: object) -> str:
    done = CliRunner().invoke(command.main, [*words, *map(str, more)])
    assert done.exit_code == 0, done.output
    return done.output


def adapters(folder: Path, name: str) -> dict[str, np.ndarray]:
    with np.load(folder / f"adapters-{name}.npz") as arrays:
        return dict(arrays)


def test_an_interrupted_run_ends_as_another_and_leaves_each_part_out(
    words: list[str], data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    drawn: list[set[int]] = []
    begun: list[torch.Tensor] = []
    augmented, begin = Pictures.augmented, Classifier.begin

    def watched(pictures: Pictures, chosen: Any) -> Any:
        drawn.append(set(chosen.tolist()))
        return augmented(pictures, chosen)

    def noted(classifier: Classifier, tokens: torch.Tensor, *others: Any) -> None:
        begun.append(tokens)
        begin(classifier, tokens, *others)

    with monkeypatch.context() as patch:
        patch.setattr(Pictures, "augmented", watched)
        patch.setattr(Classifier, "begin", noted)
        said = run(words, "--steps", 2, "--out", whole)
    assert said.count(": done") == len(TRAININGS)
    assert (whole / "trainings.png").stat().st_size > 10_000
    assert pd.read_csv(whole / "shares.csv")["share"].tolist() == list(SHARES)

    photographs = read_photographs(data, None)
    shown = iter(drawn[1:])  # the first are those of the frozen tower
    seen = {name: set.union(*itertools.islice(shown, 2)) for name in TRAININGS}
    left_out = {}
    for number, name in enumerate(TRAININGS[1:], 1):
        scores = pd.read_csv(whole / f"left-out-{name}.csv", dtype={"sha256": str})
        assert list(scores) == ["sha256", "source", "group", "label", *map(str, SHARES)]
        left_out[name] = set(scores["sha256"])
        assert not {photographs[place].sha256 for place in seen[name]} & left_out[name]
        kept = torch.tensor([it.sha256 not in left_out[name] for it in photographs]).repeat(2)
        assert torch.equal(begun[number], begun[0][kept])
        log = pd.read_csv(whole / f"steps-{name}.csv")
        assert log["step"].tolist() == [2]
        assert log["left_out_auroc"].notna().all()
        assert json.loads((whole / f"facts-{name}.json").read_text())["device"] == "cpu"
    assert sum(map(len, left_out.values())) == len(photographs) == 7 * FEW
    assert set.union(*left_out.values()) == {it.sha256 for it in photographs}

    with monkeypatch.context() as patch:
        patch.setattr(learning.Learning, "scored", lambda _: 1 / 0)  # the first that has any
        broken = CliRunner().invoke(command.main, [*words, "--steps", "2", "--out", str(parts)])
        assert isinstance(broken.exception, ZeroDivisionError)
    assert not (parts / "adapters-0.npz").exists()
    refused = CliRunner().invoke(command.main, [*words, "--steps", "3", "--out", str(parts)])
    assert "other options or images" in refused.output
    run(words, "--steps", 2, "--out", parts)
    for name in TRAININGS:
        first, second = adapters(whole, name), adapters(parts, name)
        assert all(np.abs(first[it]).max() > 0 for it in first)
        assert all(np.array_equal(first[it], second[it]) for it in first)
    assert ": done" not in run(words, "--out", parts)


def test_a_spent_budget_stops(words: list[str], tmp_path: Path) -> None:
    said = run(words, "--steps", 1, "--out", tmp_path / "run", "--budget-minutes", 0)
    assert "the same command carries on" in said
    assert not (tmp_path / "run" / "adapters-all.npz").exists()


def test_as_many_steps_are_taken_as_fit(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    taken = learning.Learning.step

    def step(it: learning.Learning, number: int) -> torch.Tensor:
        now[0] += 1  # nothing else takes time
        return taken(it, number)

    monkeypatch.setattr(learning.Learning, "step", step)
    for module in (command, learning):
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(command, "WARM_STEPS", 1)
    monkeypatch.setattr(command, "TIMED_STEPS", 2)
    said = run(words, "--out", tmp_path, "--budget-minutes", 0.4, "--batch", 2)
    found = re.search(r"each of 3 trainings: (\d+) steps of 1\.000 s", said)
    assert found
    assert int(found[1]) == 6  # of 21 seconds that are left, nine tenths among three
    steps = [pd.read_csv(tmp_path / f"steps-{name}.csv")["step"].max() for name in TRAININGS]
    assert steps == [6] * len(TRAININGS)
    assert now[0] <= 24
    assert ": done" not in run(words, "--out", tmp_path, "--batch", 2)


def test_training_that_diverges_leaves_nothing(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(learning, "RATE", 1e30)
    done = CliRunner().invoke(command.main, [*words, "--steps", "3", "--out", str(tmp_path)])
    assert done.exit_code == 1
    assert "training diverged by step 3" in done.output
    assert not list(tmp_path.glob("adapters-*"))


@pytest.mark.parametrize("content", ["{", '{"part": 3}', "[]"])
def test_a_folder_of_something_else_is_refused(
    words: list[str], tmp_path: Path, content: str
) -> None:
    (tmp_path / "config.json").write_text(content)
    done = CliRunner().invoke(command.main, [*words, "--out", str(tmp_path)])
    assert done.exit_code == 1
    assert "name another" in done.output


def test_other_pictures_are_another_run(data: Path) -> None:
    photographs = read_photographs(data, None)
    known = command.digest(photographs)
    for changed in (
        replace(photographs[0], label=1 - photographs[0].label),
        replace(photographs[0], group="another"),
        replace(photographs[0], path=photographs[1].path),
    ):
        assert command.digest([changed, *photographs[1:]]) != known


def test_one_class_alone_is_refused(data: Path, weights: Weights, tmp_path: Path) -> None:
    photographs = read_photographs(data, None)
    some = [it for it in photographs if it.source in ("one/camera", "three/generator")]
    with pytest.raises(DataError, match="one class alone"):
        command.adapt(weights, some, Settings("", 12, 1, 4), tmp_path, "cpu")


def test_the_rate_rises_and_falls_to_nothing() -> None:
    shares = [share_of_peak(step, 1500) for step in range(1500)]
    assert shares[0] == 1 / WARM_UP
    assert np.argmax(shares) in (WARM_UP - 1, WARM_UP)
    assert max(shares) == 1
    assert 0 < shares[-1] < 0.001
    assert share_of_peak(WARM_UP - 1, WARM_UP) == 1
