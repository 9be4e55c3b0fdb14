"""Protects: whole images are judged by towers that were adapted without their source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from trainer.photographs import adapted as command
from trainer.photographs.clip import WIDTH, Weights
from trainer.photographs.lora import (
    RANK,
    SHARES_FILE,
    LoraError,
    Merged,
    Settings,
    adapters_file,
    left_out_file,
    merged,
    write_settings,
)
from trainer.photographs.sources import Photograph, read_others, read_photographs
from trainer.photographs.strangers import STRENGTH, Choice, in_parts, score
from trainer.photographs.tiers import AS_IT_IS

PARTS = 2


def write_run(run: Path, images: Sequence[Photograph], weights: Weights, head: np.ndarray) -> None:
    """As `adapt` leaves it: nothing was learnt but that part N's pictures get N more, half way."""
    run.mkdir()
    arrays: dict[str, np.ndarray] = {}
    for layer, matrix in weights.matrices.items():
        inputs, outputs = matrix.weights.shape
        arrays[f"{layer}/down"] = np.zeros((inputs, RANK), np.float32)
        arrays[f"{layer}/up"] = np.zeros((RANK, outputs), np.float32)
    arrays["head/weight"] = arrays["head/began-weight"] = head.astype(np.float32)
    for number, name in enumerate(["0", "1", "all"]):
        arrays["head/bias"], arrays["head/began-bias"] = np.array([2 * number, 0], np.float32)
        np.savez(adapters_file(run, name), allow_pickle=False, **arrays)
    for number, part in enumerate(in_parts(images, PARTS)):
        rows = [{"sha256": it.sha256, "group": it.group} for it in images if it.group in part]
        pd.DataFrame(rows).to_csv(left_out_file(run, str(number)), index=False)
    write_settings(run, Settings("", len(images), 3, 4))
    (run / SHARES_FILE).touch()


@pytest.fixture
def run(data: Path, weights: Weights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(command, "read_weights", lambda _: weights)
    monkeypatch.setattr(command, "TRAINED_ON", ("as-it-is",))
    photographs = read_photographs(data, None)
    write_run(tmp_path / "run", photographs, weights, np.zeros(weights.blocks * WIDTH))
    return tmp_path / "run"


def test_each_image_is_seen_and_judged_by_what_had_not_seen_it(
    run: Path, data: Path, weights: Weights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, set[str]] = {}

    class Watched:
        """Features of a graph that says by its name which tower it is."""

        def __init__(self, tower: str, _cache: Path) -> None:
            self.tower = tower

        def of(self, images: Sequence[Photograph], _tier: str) -> np.ndarray:
            seen.setdefault(self.tower, set()).update(it.group for it in images)
            return np.zeros((len(images), weights.blocks, WIDTH), np.float32)

    names: list[str] = []

    def watched(weights: Weights, run: Path, name: str, share: float) -> Merged:
        names.append(name)
        return merged(weights, run, name, share)

    monkeypatch.setattr(command, "Features", Watched)
    monkeypatch.setattr(command, "merged", watched)
    monkeypatch.setattr(command, "whole_numbers", lambda _: names[-1])
    monkeypatch.setattr(command, "tower_bytes", lambda graph: graph)
    photographs, others = read_photographs(data, None), read_others(data, None)
    images = [*photographs, *others]
    adapted = command.AdaptedFeatures(weights, run, 0.5, images, tmp_path)
    tokens = adapted.of(images, AS_IT_IS)
    logits = score(Choice((0, 1), STRENGTH), adapted.heads, images, tokens).logits

    left_out = dict(zip("01", in_parts(photographs, PARTS), strict=True))
    assert seen == {**left_out, "all": {other.group for other in others}}
    for image, logit in zip(images, logits, strict=True):
        assert image.group in seen[{0: "0", 1: "1", 2: "all"}[round(float(logit))]]


def test_the_command_measures_both_towers(run: Path, data: Path, tmp_path: Path) -> None:
    words = [str(run), "--data", str(data), "--cache", str(tmp_path / "cache")]
    done = CliRunner().invoke(command.main, words)
    assert done.exit_code == 0, done.output
    table = pd.read_csv(run / "whole.csv")
    begun = ["frozen, head of these images", "frozen, head of the run"]
    assert table["tower"].tolist() == [*begun, "50% of the way"]
    assert table["auroc"].iloc[0] > 0.9 > table["auroc"].iloc[1]  # which learnt nothing


def test_a_group_that_was_split_or_joined_since_is_refused(run: Path, data: Path) -> None:
    photographs = read_photographs(data, None)
    one, other = (min(part) for part in in_parts(photographs, PARTS))
    renamed = [replace(it, group="new") if it.group == one else it for it in photographs]
    assert command.strangers_to(renamed, run)["new"] == "0"
    joined = [replace(it, group=other) if it.group == one else it for it in photographs]
    with pytest.raises(LoraError, match=f"the images of {other} were left out of different"):
        command.strangers_to(joined, run)


@pytest.mark.parametrize("missing", ["shares.csv", "config.json"])
def test_an_unfinished_run_is_refused(run: Path, data: Path, missing: str) -> None:
    for path in run.glob(missing):
        path.unlink()
    with pytest.raises(LoraError, match="no finished run"):
        command.strangers_to(read_photographs(data, None), run)


def test_a_table_that_is_missing_or_short_is_told(run: Path, data: Path) -> None:
    """Else its images would be judged by the tower of all sources, which has seen them."""
    photographs = read_photographs(data, None)
    table = left_out_file(run, "1")
    table.write_text("".join(table.read_text().splitlines(keepends=True)[:-1]))
    with pytest.raises(LoraError, match="lacks what some of its trainings left out"):
        command.strangers_to(photographs, run)
    table.unlink()
    with pytest.raises(LoraError, match="lacks what some of its trainings left out"):
        command.strangers_to(photographs, run)


def test_a_damaged_table_is_told(run: Path, data: Path) -> None:
    left_out_file(run, "1").write_text("nothing of this kind")
    with pytest.raises(LoraError, match="is damaged; adapt anew"):
        command.strangers_to(read_photographs(data, None), run)
