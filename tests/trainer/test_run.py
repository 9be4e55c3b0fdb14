"""Protects: a killed run carries on to the very weights it would have had, and no run is lost."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from tests.pictures import write_pictures
from trainer.checkpoint import load_checkpoint
from trainer.finetune import finetune, main
from trainer.recipe import Recipe
from trainer.run import RESUME_FILE, RunError, Settings

HANG = 120  # seconds
# Micro-batches that do not divide evenly, and a checkpoint and an evaluation out of step.
RECIPE = Recipe(
    image_size=32,
    batch_size=16,
    accumulation=2,
    learning_rate=1e-3,
    evaluate_every=4,
    checkpoint_every=3,
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    write_pictures(folder, count=110, seed=31)
    return folder


def kill_after_first_evaluation(settings: Settings, out: Path) -> int:
    """Train in a process of its own and kill -9 it; returns the step its checkpoint holds."""
    process = multiprocessing.get_context("spawn").Process(
        target=finetune, args=(settings, out, "cpu")
    )
    process.start()
    deadline = time.monotonic() + HANG
    while not (out / "metrics.csv").exists() and process.is_alive():
        assert time.monotonic() < deadline, "the run hangs"
        time.sleep(0.002)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join(HANG)
    assert process.exitcode == -signal.SIGKILL, "the run was over before it could be killed"
    assert not (out / "model.pt").exists()
    step: int = torch.load(out / RESUME_FILE, weights_only=True)["progress"]["step"]
    return step


@pytest.mark.parametrize(
    ("backbone", "precision", "epochs"),
    # GoogLeNet has dropout and batch statistics; the CNN is quick, so it gets more epochs.
    [("googlenet", "float32", 2), ("bird_lotfi_cnn", "bfloat16", 4)],
)
def test_killed_and_resumed_run_ends_with_the_same_weights(
    backbone: str, precision: str, epochs: int, data: Path, tmp_path: Path
) -> None:
    recipe = replace(RECIPE, epochs=epochs)
    settings = Settings(backbone, "none", str(data), "test", recipe, precision, seed=4)
    step = kill_after_first_evaluation(settings, tmp_path / "killed")
    for run in ("killed", "whole"):
        # The results cannot be written, so resume.pt stays; a run this short may not calibrate.
        (tmp_path / run / "metrics.json").mkdir(parents=True)
        with pytest.raises(IsADirectoryError):
            finetune(settings, tmp_path / run, "cpu", resume=run == "killed")

    killed, whole = (torch.load(tmp_path / run / RESUME_FILE) for run in ("killed", "whole"))
    assert 0 < step < whole["progress"]["step"] == killed["progress"]["step"]
    for part in ("best_state", "state"):
        assert killed[part].keys() == whole[part].keys()
        for name, tensor in whole[part].items():
            assert torch.equal(killed[part][name], tensor), name
    tables = [(tmp_path / run / "metrics.csv").read_text() for run in ("killed", "whole")]
    assert tables[0] == tables[1]


def tiny_command(run: Path, out: Path, *more: str) -> list[str]:
    """The command that made `tiny_run`, with another output folder."""
    config = json.loads((run / "config.json").read_text())
    options = "--backbone bird_lotfi_cnn --recipe scratch --image-size 32 --epochs 12 --no-audit"
    options += " --device cpu --precision float32"
    places = ("--data", config["data"], "--weights", config["weights"], "--out", str(out))
    return [*options.split(), *places, *more]


def test_existing_run_is_not_overwritten(tiny_run: Path) -> None:
    before = {path: path.read_bytes() for path in tiny_run.iterdir()}
    result = CliRunner().invoke(main, tiny_command(tiny_run, tiny_run))
    assert result.exit_code == 1
    assert "already holds a finished run; choose another --out" in result.output
    result = CliRunner().invoke(main, tiny_command(tiny_run, tiny_run, "--resume"))
    assert result.exit_code == 1
    assert "is finished; there is nothing to resume" in result.output
    assert {path: path.read_bytes() for path in tiny_run.iterdir()} == before


def test_a_run_begun_is_not_begun_again(data: Path, tmp_path: Path) -> None:
    settings = Settings("bird_lotfi_cnn", "none", str(data), "test", RECIPE, "float32", seed=4)
    assert not finetune(settings, tmp_path, "cpu", deadline=time.monotonic())
    with pytest.raises(RunError, match="already holds a run; add --resume, or choose another"):
        finetune(settings, tmp_path, "cpu")


@pytest.mark.parametrize(
    "other", [("--seed", "1"), ("--epochs", "13"), ("--precision", "bfloat16"), ("--domain", "x")]
)
def test_resuming_with_other_options_is_refused(other: tuple[str, str], tiny_run: Path) -> None:
    result = CliRunner().invoke(main, tiny_command(tiny_run, tiny_run, "--resume", *other))
    assert result.exit_code == 1
    assert "was started with other options; see" in result.output
    assert "config.json" in result.output


def test_a_run_interrupted_as_it_wrote_its_results_writes_them_again(
    tiny_run: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    (out / "metrics.json").mkdir(parents=True)  # it cannot be written
    result = CliRunner().invoke(main, tiny_command(tiny_run, out))
    assert "metrics.json: Is a directory" in result.output
    (out / "metrics.json").rmdir()
    result = CliRunner().invoke(main, tiny_command(tiny_run, out, "--resume"))
    assert result.exit_code == 0, result.output
    before, after = load_checkpoint(tiny_run), load_checkpoint(tmp_path / "run")
    assert after.metrics == before.metrics
    assert all(torch.equal(after.state[name], before.state[name]) for name in before.state)


def test_damaged_checkpoint_is_refused_in_a_sentence(data: Path, tmp_path: Path) -> None:
    recipe = replace(RECIPE, epochs=2)
    settings = Settings("bird_lotfi_cnn", "none", str(data), "test", recipe, "float32", seed=4)
    assert not finetune(settings, tmp_path, "cpu", deadline=time.monotonic())
    whole = (tmp_path / RESUME_FILE).read_bytes()
    (tmp_path / RESUME_FILE).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(RunError, match=r"resume\.pt is damaged"):
        finetune(settings, tmp_path, "cpu", resume=True)
