"""The comparison of backbones: each of the paper's list, fine-tuned by the paper's recipe.

    python -m trainer.compare --budget-minutes 25
    python -m trainer.compare --subset 3000 --image-size 64 --epochs 2 --weights none \\
        --runs runs/rehearsal --results results/comparison-reduced

The same command again skips finished runs and carries on with the interrupted one. It writes
comparison.csv, comparison.md and the curves comparison.png.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import pandas as pd

from trainer.command import Command
from trainer.experiments import Experiment, Plan, choose, make_plan, plan_options, run_all
from trainer.figures import plot_histories
from trainer.recipe import RECIPES
from trainer.tables import write_tables

PAPER = RECIPES["paper"]
# The figures we know from the paper itself; others stay empty and are not guessed.
PAPER_RESNET152 = {
    "loss": 0.08,
    "f1": 0.9634,
    "precision": 0.9749,
    "recall": 0.9522,
    "accuracy": 0.9632,
}

# The paper's own model first: a budget may end before the list does.
COMPARISON = (
    Experiment("resnet152", "resnet152", paper=PAPER_RESNET152),
    Experiment("resnet18", "resnet18"),
    Experiment("resnet50", "resnet50"),
    Experiment("resnet101", "resnet101"),
    Experiment("vgg16", "vgg16"),
    Experiment("efficientnet_b3", "efficientnet_b3"),
    Experiment("efficientnet_b4", "efficientnet_b4"),
    # Made for 32-pixel images, and there are no pretrained weights for it.
    Experiment(
        "bird_lotfi_cnn", "bird_lotfi_cnn", pretrained=False, recipe=replace(PAPER, image_size=32)
    ),
)


def run_list(
    experiments: Sequence[Experiment], plan: Plan, table: Path, title: str, module: str
) -> None:
    """Run a list and write its tables after every run; say what is left. Raises OSError."""
    command = " ".join(["python -m", module, *sys.argv[1:]])
    for left in run_all(experiments, plan):
        write_tables(table, title, command, experiments, plan, left)
    click.echo(f"{len(experiments) - len(left)} of {len(experiments)} runs in {table}.md")
    for name, why in left.items():
        click.echo(f"  left: {name} ({why})")
    if left:
        click.echo("Run the same command again to carry on.")


def history(plan: Plan, experiment: Experiment) -> pd.DataFrame | None:
    """A run's validation figures by epoch; None where it has none of these settings yet."""
    if not plan.has_finished(experiment):
        return None
    return pd.read_csv(plan.folder(experiment) / "metrics.csv")


@click.command(cls=Command, context_settings={"show_default": True})
@plan_options
def main(results: Path, only: tuple[str, ...], **options: Any) -> None:
    """Fine-tune every backbone of the paper's comparison and write the table.

    Example: python -m trainer.compare --budget-minutes 25
    """
    plan, experiments = make_plan(options), choose(COMPARISON, only)
    name = "Comparison of backbones" + (" (reduced)" if plan.reduced else "")
    run_list(experiments, plan, results / "comparison", name, "trainer.compare")
    found = {experiment.name: history(plan, experiment) for experiment in experiments}
    curves = {label: table for label, table in found.items() if table is not None}
    if curves:
        plot_histories(results / "comparison.png", name, curves)


if __name__ == "__main__":
    main()
