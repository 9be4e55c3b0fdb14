"""Protects: whole images are judged by towers that were adapted without their source."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from trainer.photographs import adapted as command
from trainer.photographs.adapters import RANK, AdaptersError, adapters_file
from trainer.photographs.clip import WIDTH, Weights
from trainer.photographs.sources import read_others, read_photographs
from trainer.photographs.strangers import STRENGTH, Choice, in_parts, score
from trainer.photographs.tiers import AS_IT_IS

PARTS = 2


def write_run(
    run: Path, groups: Sequence[frozenset[str]], weights: Weights, head: np.ndarray
) -> None:
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
    for number, part in enumerate(groups):
        rows = pd.DataFrame({"group": sorted(part)})
        rows.to_csv(run / f"left-out-{number}.csv", index=False)


@pytest.fixture
def run(data: Path, weights: Weights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(command, "read_weights", lambda _: weights)
    monkeypatch.setattr(command, "TRAINED_ON", ("as-it-is",))
    parts = in_parts(read_photographs(data, None), PARTS)
    write_run(tmp_path / "run", parts, weights, np.zeros(weights.blocks * WIDTH))
    return tmp_path / "run"


def test_each_image_is_judged_by_the_tower_without_it(
    run: Path, data: Path, weights: Weights, tmp_path: Path
) -> None:
    photographs = read_photographs(data, None)
    others = read_others(data, None)
    images = [*photographs, *others]
    adapted = command.AdaptedFeatures(weights, run, 0.5, tmp_path / "cache")
    heads = adapted.heads({image.group for image in images})
    choice = Choice(tuple(range(weights.blocks)), STRENGTH)
    logits = score(choice, heads, images, adapted.of(images, AS_IT_IS)).logits
    groups = command.left_out_of(run)
    for photograph, logit in zip(photographs, logits, strict=False):
        assert photograph.group in groups[str(round(float(logit)))]
    assert set(logits[len(photographs) :]) == {2}  # those that all trainings are strangers to
    assert len(list((tmp_path / "cache").glob("*/tower.onnx"))) == 1  # zeros adapt nothing


def test_the_command_measures_both_towers(run: Path, data: Path, tmp_path: Path) -> None:
    words = [str(run), "--data", str(data), "--cache", str(tmp_path / "cache"), "--out"]
    done = CliRunner().invoke(command.main, [*words, str(run / "whole.csv")])
    assert done.exit_code == 0, done.output
    table = pd.read_csv(run / "whole.csv")
    assert table["tower"].tolist() == ["frozen", "50% of the way to the adapted one"]
    assert table["auroc"].iloc[0] > 0.9
    (run / "left-out-0.csv").write_text("group\nanother\n")
    refused = CliRunner().invoke(command.main, [*words, str(run / "whole.csv")])
    assert refused.exit_code == 1
    assert "is no source of the run" in refused.output


def test_an_unfinished_run_is_refused(run: Path) -> None:
    adapters_file(run, "all").unlink()
    with pytest.raises(AdaptersError, match="no finished run"):
        command.left_out_of(run)
