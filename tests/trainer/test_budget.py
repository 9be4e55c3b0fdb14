"""Protects: a run that is given minutes ends in them, with a model, as if it knew its epochs."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import torch
from click.testing import CliRunner

from trainer import budget
from trainer import finetune as finetune_module
from trainer.budget import Cost
from trainer.checkpoint import load_checkpoint
from trainer.data.images import load_images
from trainer.finetune import finetune, main
from trainer.learner import Learner
from trainer.recipe import Recipe, learning_rate
from trainer.run import RunError, Settings, read_settings

RECIPE = Recipe(
    image_size=32, epochs=3, batch_size=64, accumulation=1, learning_rate=2e-3, average=0.9
)


@pytest.fixture
def settings(tiny_data: Path, tiny_run: Path) -> Settings:
    """From weights that know the pictures already: a few steps must leave a model to calibrate."""
    weights = str(tiny_run / "model.pt")
    return Settings("bird_lotfi_cnn", weights, str(tiny_data), "test", RECIPE, "float32", seed=3)


def test_epochs_are_those_that_the_budget_holds() -> None:
    cost = Cost(epoch=10, ending=20)
    assert cost.epochs_in(20 + 10 / 0.85 * 7 + 1) == 7
    assert cost.epochs_in(20 + 10 / 0.85 + 0.1) == 1
    with pytest.raises(
        RunError, match=r"the 29 s .* hold no epoch: one takes 10 s .* give --epochs"
    ):
        cost.epochs_in(29)


def test_training_that_is_slower_than_measured_stops_in_time_with_its_best_weights(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cost = Cost(epoch=1e-4, ending=57)
    monkeypatch.setattr(finetune_module, "measure_cost", lambda *_: cost)
    settings = replace(settings, recipe=replace(RECIPE, warmup=0))  # so many epochs warm up long
    assert finetune(settings, tmp_path, "cpu", deadline=time.monotonic() + 60, fit=True)
    facts = json.loads((tmp_path / "metrics.json").read_text())["training"]
    assert 0 < facts["stopped_after_steps"] < facts["steps"]
    assert facts["seconds"] < 30, "the time of the last evaluation is not to train in"
    summary = json.loads((tmp_path / "metrics.json").read_text())
    assert load_checkpoint(tmp_path).training == facts
    evaluations = pd.read_csv(tmp_path / "metrics.csv")
    best = evaluations["auroc"].tolist()[int(evaluations["f1"].argmax())]
    # Calibration moves F1 but no rank; the weights are rounded.
    assert summary["validation"]["auroc"] == pytest.approx(best, abs=0.005)


def test_a_run_that_chose_its_epochs_ends_as_if_it_had_been_told_them(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Timing some steps first leaves no trace in the weights, and nor does an interruption."""
    monkeypatch.setattr(Cost, "epochs_in", lambda cost, seconds: 4)
    monkeypatch.setattr(budget, "TIMED_STEPS", 5)
    monkeypatch.setattr(finetune_module, "SAVING_SHARE", 1.0)
    recipe = replace(RECIPE, checkpoint_every=5)
    settings = replace(settings, recipe=recipe)
    later = time.monotonic() + 300
    step, chosen, told = Learner.step, tmp_path / "chosen", tmp_path / "told"

    def interrupted(learner: Learner, number: int, total: int) -> torch.Tensor:
        if learner.recipe.epochs == 4 and number == 17:
            raise KeyboardInterrupt
        return step(learner, number, total)

    monkeypatch.setattr(Learner, "step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        finetune(settings, chosen, "cpu", deadline=later, fit=True)
    monkeypatch.setattr(Learner, "step", step)
    resumed = replace(settings, recipe=read_settings(chosen).recipe)
    assert resumed.recipe == replace(recipe, epochs=4)
    assert finetune(resumed, chosen, "cpu", resume=True)
    assert finetune(resumed, told, "cpu")
    found, expected = load_checkpoint(chosen), load_checkpoint(told)
    assert "stopped_after_steps" not in found.training
    assert all(torch.equal(found.state[name], expected.state[name]) for name in expected.state)
    steps, total = pd.read_csv(chosen / "steps.csv"), found.training["steps"]
    last = learning_rate(resumed.recipe, total - 1, total)
    assert steps["learning_rate"].iloc[-1] == pytest.approx(last)


@pytest.mark.parametrize("minutes", ["nan", "inf", "1e400", "-1"])
def test_no_number_of_minutes_is_refused(minutes: str) -> None:
    result = CliRunner().invoke(main, ["--budget-minutes", minutes])
    assert result.exit_code == 2
    assert "Invalid value for '--budget-minutes'" in result.output


def test_the_command_chooses_epochs_and_resuming_keeps_them(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budget, "WRITING_SECONDS", 1.0)  # so that a short budget holds an epoch
    out = tmp_path / "run"
    begun = f"--backbone bird_lotfi_cnn --weights {settings.weights} --data {settings.data}"
    rest = f"--out {out} --image-size 32 --device cpu --precision float32 --no-audit"
    given = [*begun.split(), *rest.split()]
    result = CliRunner().invoke(main, [*given, "--budget-minutes", "0.001"])
    assert result.exit_code == 1
    assert "hold no epoch" in result.output
    result = CliRunner().invoke(main, [*given, "--budget-minutes", "0.15", "--out", f"{out}2"])
    assert result.exit_code == 0, result.output
    assert "fit into the budget" in result.output
    config = out.with_name("run2") / "config.json"
    chosen = json.loads(config.read_text())["recipe"]["epochs"]
    assert f"{chosen} epochs of" in result.output
    result = CliRunner().invoke(main, [*given, "--out", f"{out}2", "--resume"])
    assert "is finished; there is nothing to resume" in result.output, "not: other options"


def test_a_deep_network_from_random_weights_begins_shallow(tiny_data: Path, tmp_path: Path) -> None:
    """Where the recipe says so; weights from a file are left as they are."""
    recipe = replace(RECIPE, zero_init_residual=True)
    settings = Settings("resnet18", "none", str(tiny_data), "test", recipe, "float32", seed=3)
    images = load_images(tiny_data, 32, "cpu")
    fresh = Learner(settings, images.train).detector.state_dict()
    ends = [name for name in fresh if name.endswith("bn2.weight")]
    assert len(ends) == 8
    assert all(not fresh[name].any() for name in ends)
    kept = tmp_path / "weights.pt"
    torch.save({name: torch.ones_like(tensor) for name, tensor in fresh.items()}, kept)
    loaded = Learner(replace(settings, weights=str(kept)), images.train).detector.state_dict()
    assert all(loaded[name].all() for name in ends)
