"""The ablations: what residual connections, pretrained weights and the scheduler are each worth.

    python -m trainer.ablate --budget-minutes 25
    python -m trainer.ablate --only resnet18 --only resnet18-no-residual

Every ablation takes one thing away from a run of the comparison, whose folder it shares: run
`trainer.compare` first, or let this command make up for it. It writes ablation.csv, ablation.md
and the curves of each ablation.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import pandas as pd

from trainer.backbones import RESNETS
from trainer.command import Command
from trainer.compare import COMPARISON, PAPER, history, run_list
from trainer.experiments import Experiment, choose, make_plan, plan_options
from trainer.figures import plot_histories

# Suffix of a run's name -> what is missing there.
ABLATIONS = {
    "no-residual": "without residual connections",
    "no-pretraining": "without pretrained weights",
    "no-scheduler": "without scheduler",
}


def ablations_of(backbone: str) -> dict[str, Experiment]:
    """The runs that each lack one thing, by their place in ABLATIONS."""
    return {
        "no-residual": Experiment(
            f"{backbone}-no-residual", f"{backbone}_plain", weights_of=backbone
        ),
        "no-pretraining": Experiment(f"{backbone}-no-pretraining", backbone, pretrained=False),
        "no-scheduler": Experiment(
            f"{backbone}-no-scheduler", backbone, recipe=replace(PAPER, schedule="constant")
        ),
    }


BASELINES = {run.backbone: run for run in COMPARISON if run.backbone in RESNETS}
LIST = tuple(run for name in RESNETS for run in (BASELINES[name], *ablations_of(name).values()))


@click.command(cls=Command, context_settings={"show_default": True})
@plan_options
def main(results: Path, only: tuple[str, ...], **options: Any) -> None:
    """Run the ablations over ResNet-18, 50, 101 and 152 and write the tables and curves.

    Example: python -m trainer.ablate --budget-minutes 25
    """
    plan, experiments = make_plan(options), choose(LIST, only)
    if plan.weights == "none":  # the baselines then are the runs without pretrained weights
        experiments = [run for run in experiments if not run.name.endswith("no-pretraining")]
    title = "Ablations" + (" (reduced)" if plan.reduced else "")
    run_list(experiments, plan, results / "ablation", title, "trainer.ablate")
    for suffix, words in ABLATIONS.items():
        curves: dict[str, pd.DataFrame] = {}
        for name in RESNETS:
            pair = {"baseline": BASELINES[name], words: ablations_of(name)[suffix]}
            found = {f"{name}: {kind}": history(plan, run) for kind, run in pair.items()}
            if all(table is not None for table in found.values()):
                curves |= {label: table for label, table in found.items() if table is not None}
        if curves:
            heading = f"{words.capitalize()}" + (" (reduced runs)" if plan.reduced else "")
            plot_histories(results / f"ablation-{suffix}.png", heading, curves)


if __name__ == "__main__":
    main()
