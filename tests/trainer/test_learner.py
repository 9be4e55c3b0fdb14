"""Protects: what is evaluated and kept is the average that the recipe asks for, also resumed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from tests.pictures import write_pictures
from trainer.backbones import BACKBONES
from trainer.data.examples import read_examples
from trainer.data.images import ImageSet
from trainer.learner import Learner
from trainer.recipe import Recipe
from trainer.run import Progress, Settings, restore, save_progress

STEPS = 6  # of which the first two have fewer steps behind them than the average may hold
RECIPE = Recipe(
    image_size=32, batch_size=16, accumulation=1, learning_rate=0.1, crop="shift", average=0.25
)


def tiny(_weights: str | None) -> nn.Module:
    """A network with batch statistics."""
    body = (nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.AdaptiveAvgPool2d(1))
    return nn.Sequential(*body, nn.Flatten(), nn.Linear(4, 1))


@pytest.fixture
def begin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Learner]:
    """Each call begins to learn the same from the start."""
    monkeypatch.setitem(BACKBONES, "tiny", tiny)
    write_pictures(tmp_path / "data", count=20, seed=51)
    images = ImageSet(read_examples(tmp_path / "data"), RECIPE.image_size, "cpu")
    settings = Settings("tiny", "none", "data", "test pictures", RECIPE, "float32", seed=5)
    return lambda: Learner(settings, images)


def test_averaged_weights_and_statistics_trail_the_latest(begin: Callable[[], Learner]) -> None:
    learner = begin()
    expected = learner.state()
    for step in range(STEPS):
        learner.step(step, STEPS)
        decay = min(0.25, (1 + step) / (10 + step))
        for name, latest in learner.detector.state_dict().items():
            if latest.is_floating_point():
                expected[name] = decay * expected[name] + (1 - decay) * latest
            else:
                expected[name] = latest.clone()
    torch.testing.assert_close(learner.state(), expected)
    assert expected["network.1.num_batches_tracked"] == STEPS
    assert (expected["network.1.running_var"] != 1).all()
    assert not torch.equal(
        learner.detector.state_dict()["network.0.weight"], expected["network.0.weight"]
    )


def test_a_resumed_average_goes_on_as_if_it_had_not_stopped(
    begin: Callable[[], Learner], tmp_path: Path
) -> None:
    learner, resumed = begin(), begin()
    for step in range(3):
        learner.step(step, STEPS)
    kept = tmp_path / "resume.pt"
    save_progress(kept, Progress(3, 0.0, 0.0, [], []), {}, *learner.parts)
    stored = torch.load(kept, weights_only=True)
    assert stored["average"].keys() == stored["state"].keys()
    restore(kept, *resumed.parts)
    for each in (learner, resumed):
        for step in range(3, STEPS):
            each.step(step, STEPS)
    torch.testing.assert_close(resumed.state(), learner.state(), rtol=0, atol=0)
