"""Protects: whole images are judged by towers that were adapted without their source."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from trainer.photographs import adapted as command
from trainer.photographs.adapters import AdaptersError, adapters_file
from trainer.photographs.clip import Weights
from trainer.photographs.sources import read_photographs
from trainer.photographs.strangers import in_parts

PARTS = 2


def write_run(run: Path, groups: list[frozenset[str]], weights: Weights) -> None:
    """As `adapt` leaves it: that without part N has learnt to give N to every picture."""
    run.mkdir()
    arrays: dict[str, np.ndarray] = {}
    for layer, matrix in weights.matrices.items():
        inputs, outputs = matrix.weights.shape
        arrays[f"{layer}/down"] = np.zeros((inputs, 8), np.float32)
        arrays[f"{layer}/up"] = np.zeros((8, outputs), np.float32)
    for name in ("head/weight", "head/began-weight"):
        arrays[name] = np.zeros(weights.blocks * 768, np.float32)
    for number, name in enumerate(["0", "1", "all"]):
        arrays["head/bias"], arrays["head/began-bias"] = np.array([2 * number, 0], np.float32)
        np.savez(adapters_file(run, name), allow_pickle=False, **arrays)
    for number, part in enumerate(groups):
        rows = pd.DataFrame({"group": sorted(part)})
        rows.to_csv(run / f"left-out-{number}.csv", index=False)


@pytest.fixture
def run(data: Path, weights: Weights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(command, "read_weights", lambda _: weights)
    monkeypatch.setattr(command, "TRAINED_ON", ("as-it-is",))
    parts = in_parts(read_photographs(data, None), PARTS)
    write_run(tmp_path / "run", list(parts), weights)
    return tmp_path / "run"


def test_each_image_is_judged_by_the_tower_without_it(
    run: Path, data: Path, weights: Weights, tmp_path: Path
) -> None:
    photographs = read_photographs(data, None)
    towers = command.Towers(photographs, weights, tmp_path / "cache")
    logits = towers.adapted(run, 0.5)
    groups = command.left_out_of(run)
    for photograph, logit in zip(photographs, logits, strict=True):
        assert photograph.group in groups[str(round(float(logit)))]
    words = [str(run), "--data", str(data), "--cache", str(tmp_path / "cache"), "--out"]
    done = CliRunner().invoke(command.main, [*words, str(run / "whole.csv")])
    assert done.exit_code == 0, done.output
    table = pd.read_csv(run / "whole.csv")
    assert table["tower"].tolist() == ["50% of the way to the adapted tower", "the frozen tower"]
    assert table["auroc"].iloc[1] > 0.9


def test_an_unfinished_run_is_refused(run: Path) -> None:
    adapters_file(run, "all").unlink()
    with pytest.raises(AdaptersError, match="no finished run"):
        command.left_out_of(run)
