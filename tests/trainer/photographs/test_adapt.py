"""Protects: a group left out is not seen, and an interrupted run ends as an uninterrupted one."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from click.testing import CliRunner

from tests.trainer.photographs.conftest import EACH
from trainer.data.examples import DataError
from trainer.photographs import adapt as command
from trainer.photographs.adapt import STEPS, WARM_UP, share_of_peak, without
from trainer.photographs.clip import Weights
from trainer.photographs.head import labels_of
from trainer.photographs.sources import read_photographs
from trainer.photographs.strangers import PARTS
from trainer.photographs.tiers import TIERS
from trainer.photographs.views import drawn, in_order, loaded


@pytest.fixture
def words(data: Path, weights: Weights, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The command's, for a tower of two blocks and steps that take a second."""
    monkeypatch.setattr(command, "read_weights", lambda _: weights)
    monkeypatch.setattr(command, "WORKERS", 0)
    monkeypatch.setattr(command, "WARM_UP", 2)
    monkeypatch.setattr(command, "TIMED_FROM", 1)
    places = ("--data", str(data), "--files", str(data.parent / "files"), "--device", "cpu")
    return [*places, "--batch", "4", "--patches", "20"]


def run(words: list[str], *more: object) -> str:
    done = CliRunner().invoke(command.main, [*words, *map(str, more)])
    assert done.exit_code == 0, done.output
    return done.output


def adapters(folder: Path) -> dict[str, np.ndarray]:
    with np.load(folder / "adapters.npz") as arrays:
        return dict(arrays)


def test_an_interrupted_run_ends_as_another(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    run(words, "--steps", 3, "--out", whole)
    log = pd.read_csv(whole / "steps.csv")
    assert log["step"].tolist() == [3]

    monkeypatch.setattr(command, "CHECKPOINT_SECONDS", 0.0)
    steps = command.share_of_peak
    with monkeypatch.context() as patch:
        patch.setattr(command, "share_of_peak", lambda s, n: steps(s, n) if s < 2 else 1 / 0)
        broken = CliRunner().invoke(command.main, [*words, "--steps", "3", "--out", str(parts)])
        assert isinstance(broken.exception, ZeroDivisionError)
    assert not (parts / "adapters.npz").exists()
    refused = CliRunner().invoke(command.main, [*words, "--steps", "3", "--out", str(parts)])
    assert "add --resume" in refused.output
    refused = CliRunner().invoke(
        command.main, [*words, "--steps", "4", "--out", str(parts), "--resume"]
    )
    assert "other options or images" in refused.output
    run(words, "--steps", 3, "--out", parts, "--resume")

    first, second = adapters(whole), adapters(parts)
    assert all(np.abs(first[name]).max() > 0 for name in first)
    assert all(np.array_equal(first[name], second[name]) for name in first)
    assert not (parts / "left-out-0.csv").exists()


def test_a_spent_budget_stops_and_resumes(words: list[str], tmp_path: Path) -> None:
    out = ("--out", tmp_path / "run", "--steps", 1)
    assert "with --resume carries on" in run(words, *out, "--budget-minutes", 0)
    assert not (tmp_path / "run" / "adapters.npz").exists()
    run(words, *out, "--resume")
    assert (tmp_path / "run" / "adapters.npz").exists()


def test_as_many_steps_are_taken_as_fit(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = map(float, itertools.count())  # a second each time that it is looked at
    monkeypatch.setattr(command, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    said = run(words, "--out", tmp_path, "--budget-minutes", 0.5)
    found = re.search(r"(\d+) steps of 3\.00 s fit into the budget", said)
    assert found
    assert pd.read_csv(tmp_path / "steps.csv")["step"].tolist() == [int(found[1])]
    assert 2 < int(found[1]) < 10
    assert next(clock) <= 30
    assert (tmp_path / "adapters.npz").exists()


def test_a_group_left_out_is_scored_and_never_drawn(
    words: list[str], data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []

    def watched(photographs: Any, batches: Any, *options: Any) -> Iterator[Any]:
        seen.append({photograph.source for photograph in photographs})
        return loaded(photographs, batches, *options)

    monkeypatch.setattr(command, "loaded", watched)
    said = run(words, "--steps", 1, "--part", 0, "--out", tmp_path)
    assert "part 0 left out, hard: AUROC" in said
    scores = pd.read_csv(tmp_path / "left-out-0.csv")
    assert list(scores) == ["sha256", "source", "label", "tier", "logit"]
    assert set(scores["source"]) == {"five/both"}
    assert scores["tier"].value_counts().to_dict() == dict.fromkeys(TIERS, 2 * EACH)
    assert seen[0] == {"one/camera", "two/phones", "three/generator", "four/both"}
    assert seen[1:] == [{"five/both"}] * len(TIERS)


def test_each_source_is_left_out_once(data: Path) -> None:
    photographs = read_photographs(data, None)
    left_out = []
    for part in range(4):
        kept, left = without(photographs, part)
        assert len(kept) + len(left) == len(photographs)
        assert not {it.group for it in kept} & {it.group for it in left}
        left_out += left
    assert sorted(it.sha256 for it in left_out) == [it.sha256 for it in photographs]
    assert without(photographs, None) == (photographs, [])
    with pytest.raises(DataError, match="the sources make 4"):
        without(photographs, PARTS - 1)
    with pytest.raises(DataError, match="one class alone"):
        without([it for it in photographs if it.source in ("one/camera", "three/generator")], 1)


def test_the_rate_rises_and_falls_to_nothing() -> None:
    shares = [share_of_peak(step, STEPS) for step in range(STEPS)]
    assert shares[0] == 1 / WARM_UP
    assert np.argmax(shares) in (WARM_UP - 1, WARM_UP)
    assert max(shares) == 1
    assert 0 < shares[-1] < 0.001


def test_classes_are_drawn_alike_and_no_batch_twice(data: Path) -> None:
    photographs = read_photographs(data, None)
    batches = list(itertools.islice(drawn(photographs, 50, 0, 0), 40))
    labels = labels_of(photographs)[[number for batch in batches for number, _ in batch]]
    assert abs(labels.mean() - 0.5) < 0.05
    assert len({tier for batch in batches for _, tier in batch}) == 50 * 40
    assert next(drawn(photographs, 50, 0, 7)) == batches[7]
    assert next(drawn(photographs, 50, 1, 7)) != batches[7]


@pytest.mark.parametrize("workers", [0, 2])
def test_views_come_in_order_with_their_labels(workers: int, data: Path) -> None:
    photographs = read_photographs(data, None)
    found = list(loaded(photographs, in_order(len(photographs), 8, TIERS[0]), workers, False))
    views = torch.cat([batch for batch, _ in found])
    assert views.dtype == torch.uint8
    assert views.shape == (len(photographs), 224, 224, 3)
    labels = torch.cat([labels for _, labels in found])
    assert labels.tolist() == labels_of(photographs).tolist()


def test_a_broken_picture_is_named(data: Path) -> None:
    broken = sorted(data.glob("*.jpg"))[3]
    broken.write_bytes(b"\xff\xd8\xff\xe0 no more")
    photographs = read_photographs(data, None)
    with pytest.raises(DataError, match=f"^{broken} cannot be decoded"):
        list(loaded(photographs, in_order(len(photographs), 8, TIERS[0]), 1, False))
