"""Protects: a finished run can be measured and drawn again, with the same figures."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from trainer.checkpoint import load_checkpoint
from trainer.evaluate import main


def test_measured_again_a_run_has_the_same_figures(tiny_run: Path, tmp_path: Path) -> None:
    run = shutil.copytree(tiny_run, tmp_path / "run")
    made_again = ["metrics.json", *(path.name for path in run.glob("*.png"))]
    for name in made_again:
        (run / name).unlink()
    outcome = CliRunner().invoke(main, [str(run), "--device", "cpu"])
    assert outcome.exit_code == 0, outcome.output
    assert all((run / name).is_file() for name in made_again)
    before, after = (json.loads((path / "metrics.json").read_text()) for path in (tiny_run, run))
    for figures in (before, after):
        del figures["training"]["scored_images_per_second"]
    assert after == before
    states = [load_checkpoint(path).state for path in (tiny_run, run)]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_the_card_has_the_reliability_diagram_of_the_test_split(tiny_run: Path) -> None:
    bins = load_checkpoint(tiny_run).reliability
    assert sum(found.images for found in bins) == 1000
    for found in bins:
        low, high = found.interval
        assert low <= found.share_of_fakes <= high
    assert [found.p_fake for found in bins] == sorted(found.p_fake for found in bins)


@pytest.mark.parametrize("missing", ["config.json", "model.pt", "steps.csv"])
def test_a_folder_without_a_finished_run_is_refused(
    tiny_run: Path, tmp_path: Path, missing: str
) -> None:
    run = shutil.copytree(tiny_run, tmp_path / "run")
    (run / missing).unlink()
    outcome = CliRunner().invoke(main, [str(run)])
    assert outcome.exit_code == 1
    assert str(run) in outcome.output
    assert outcome.output.count("\n") <= 2, "one sentence, no traceback"
