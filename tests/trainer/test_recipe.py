"""Protects: the paper's hyperparameters and the schedule every run follows."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from trainer.recipe import RECIPES, Recipe, learning_rate


def test_paper_recipe_has_the_papers_values() -> None:
    paper = RECIPES["paper"]
    assert paper == Recipe()
    assert paper.image_size == 224
    assert paper.epochs == 5
    assert paper.batch_size * paper.accumulation == 128
    assert paper.learning_rate == 5e-5
    assert paper.warmup == 0.1
    assert paper.schedule == "linear"
    assert paper.crop == "random_resized"
    assert paper.evaluate_every == 600
    assert paper.checkpoint_every == 1200


def reference_schedule(recipe: Recipe, total: int) -> list[float]:
    """Linear warm-up and decay by torch's own scheduler, as the transformers library builds it."""
    warmup = round(recipe.warmup * total)

    def factor(step: int) -> float:
        if step < warmup:
            return step / max(1, warmup)
        return max(0.0, (total - step) / max(1, total - warmup))

    optimizer = torch.optim.SGD([torch.zeros(1)], lr=recipe.learning_rate)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
    rates = []
    for _ in range(total + 1):
        rates.append(float(scheduler.get_last_lr()[0]))
        optimizer.step()
        scheduler.step()
    return rates


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("total", [1, 2, 9, 10, 16, 703, 3515])
def test_schedule_equals_torchs(name: str, total: int) -> None:
    recipe = RECIPES[name]
    ours = [learning_rate(recipe, step, total) for step in range(total + 1)]
    assert ours == pytest.approx(reference_schedule(recipe, total), rel=1e-12, abs=0)


def test_rises_from_zero_to_the_peak_at_a_tenth_and_falls_to_zero() -> None:
    recipe, total = Recipe(), 3520
    rates = [learning_rate(recipe, step, total) for step in range(total + 1)]
    assert rates[0] == 0
    assert rates[352] == max(rates) == recipe.learning_rate
    assert rates[total] == 0
    assert rates[:353] == sorted(rates[:353])
    assert rates[352:] == sorted(rates[352:], reverse=True)


def test_constant_schedule_is_constant() -> None:
    recipe = replace(Recipe(), schedule="constant")
    assert {learning_rate(recipe, step, 50) for step in range(51)} == {recipe.learning_rate}
