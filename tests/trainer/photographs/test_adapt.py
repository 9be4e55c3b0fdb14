"""Protects: a group left out is not seen, and an interrupted run ends as an uninterrupted one."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from trainer.data.examples import DataError
from trainer.photographs import adapt as command
from trainer.photographs import learning, views
from trainer.photographs.clip import Weights
from trainer.photographs.learning import WARM_UP, share_of_peak
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
    monkeypatch.setattr(learning, "LOOKS", 1)
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
    augmented = Pictures.augmented

    def watched(pictures: Pictures, chosen: Any) -> Any:
        drawn.append(set(chosen.tolist()))
        return augmented(pictures, chosen)

    with monkeypatch.context() as patch:
        patch.setattr(Pictures, "augmented", watched)
        said = run(words, "--steps", 2, "--out", whole)
    assert "3 of 3 trainings done" in said
    assert (whole / "trainings.png").stat().st_size > 10_000
    assert pd.read_csv(whole / "shares.csv")["share"].tolist() == list(SHARES)

    photographs = read_photographs(data, None)
    shown = iter(drawn[1:])  # the first are those of the frozen tower
    seen = {name: set.union(*itertools.islice(shown, 2)) for name in TRAININGS}
    left_out = {}
    for name in TRAININGS[1:]:
        scores = pd.read_csv(whole / f"left-out-{name}.csv", dtype={"sha256": str})
        assert list(scores) == ["sha256", "source", "group", "label", "share", "logit"]
        assert sorted(scores["share"].unique()) == list(SHARES)
        left_out[name] = set(scores["sha256"])
        assert not {photographs[place].sha256 for place in seen[name]} & left_out[name]
        assert pd.read_csv(whole / f"steps-{name}.csv")["step"].tolist() == [2]
    assert sum(map(len, left_out.values())) == len(photographs) == 7 * FEW
    assert set.union(*left_out.values()) == {it.sha256 for it in photographs}

    written = learning.Learning.scored
    with monkeypatch.context() as patch:
        begun = iter([False, True])
        patch.setattr(learning.Learning, "scored", lambda it: 1 / 0 if next(begun) else written(it))
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
    assert "trainings done" not in run(words, "--steps", 2, "--out", parts)


def test_a_spent_budget_stops(words: list[str], tmp_path: Path) -> None:
    said = run(words, "--steps", 1, "--out", tmp_path / "run", "--budget-minutes", 0)
    assert "the same command carries on" in said
    assert not (tmp_path / "run" / "adapters-all.npz").exists()


def test_as_many_steps_are_taken_as_fit(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = map(float, itertools.count())  # a second each time that it is looked at
    monkeypatch.setattr(command, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    monkeypatch.setattr(learning, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    monkeypatch.setattr(learning, "WARM_UP", 3)
    monkeypatch.setattr(learning, "TIMED_FROM", 1)
    said = run(words, "--out", tmp_path, "--budget-minutes", 1, "--batch", 2)
    found = re.search(r"each of 3 trainings: (\d+) steps of", said)
    assert found
    assert int(found[1]) > 3
    steps = [pd.read_csv(tmp_path / f"steps-{name}.csv")["step"].max() for name in TRAININGS]
    assert steps == [int(found[1])] * len(TRAININGS)
    assert next(clock) <= 60


def test_one_class_alone_is_refused(data: Path, weights: Weights, tmp_path: Path) -> None:
    photographs = read_photographs(data, None)
    some = [it for it in photographs if it.source in ("one/camera", "three/generator")]
    with pytest.raises(DataError, match="one class alone"):
        command.adapt(weights, some, command.Settings(""), tmp_path, "cpu")


def test_the_rate_rises_and_falls_to_nothing() -> None:
    shares = [share_of_peak(step, 1500) for step in range(1500)]
    assert shares[0] == 1 / WARM_UP
    assert np.argmax(shares) in (WARM_UP - 1, WARM_UP)
    assert max(shares) == 1
    assert 0 < shares[-1] < 0.001
    assert share_of_peak(WARM_UP // 2, None) == shares[WARM_UP // 2]
