"""Protects: optional logging writes what a run measured, and its absence is one sentence."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from trainer.recipe import Recipe
from trainer.run import RunError, Settings
from trainer.tracking import open_tracker

SETTINGS = Settings("bird_lotfi_cnn", "none", "data", "test", Recipe(), "float32", 0)


def test_tensorboard_gets_every_figure(tmp_path: Path) -> None:
    events = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator", reason="not installed"
    )
    with open_tracker(["tensorboard"], tmp_path, SETTINGS) as tracker:
        for step in (1, 2):
            tracker.log(step, {"train/loss": 0.5 / step})
    found = events.EventAccumulator(str(tmp_path)).Reload().Scalars("train/loss")
    assert [(event.step, event.value) for event in found] == [(1, 0.5), (2, 0.25)]


def test_weights_and_biases_works_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb", reason="not installed")
    monkeypatch.delenv("WANDB_MODE", raising=False)
    with open_tracker(["wandb"], tmp_path, SETTINGS) as tracker:
        tracker.log(1, {"validation/f1": 0.75})
    (run,) = tmp_path.glob("wandb/offline-run-*/run-*.wandb")
    assert run.stat().st_size > 0


@pytest.mark.parametrize(("name", "library"), [("wandb", "wandb"), ("tensorboard", "tensorboard")])
def test_a_missing_library_is_named_with_its_remedy(
    name: str, library: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in [m for m in sys.modules if m.startswith("torch.utils.tensorboard")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, library, None)
    expected = rf"--log {name} needs a library that is missing .*pip install 'imgscan\[log\]'"
    with (
        pytest.raises(RunError, match=expected),
        open_tracker([name], tmp_path, SETTINGS),
    ):
        pass


def test_nothing_is_logged_unless_asked_for(tiny_run: Path) -> None:
    assert not list(tiny_run.glob("*tfevents*"))
    assert not (tiny_run / "wandb").exists()
    assert "wandb" not in json.loads((tiny_run / "config.json").read_text())
