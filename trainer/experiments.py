"""Named runs and the one way to run them: in order, within a budget, each exactly once.

A run's folder says how far it is, so the same command always carries on where it was stopped, and
two lists may share a run.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import click

from scanner.errors import ImgscanError
from trainer.calibration import CalibrationError
from trainer.data.images import Images, load_images
from trainer.device import choose_device
from trainer.finetune import domain_of, finetune
from trainer.minutes import Minutes
from trainer.recipe import RECIPES, Recipe
from trainer.run import CONFIG_FILE, METRICS_FILE, RESUME_FILE, RunError, Settings

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True)
class Experiment:
    """One run. `paper` holds its published figures on the test split, by name in `Metrics`.

    pretrained: whether it starts from the plan's weights or from random ones. weights_of: the
    backbone whose weights file fits, where it is another one.
    """

    name: str
    backbone: str
    pretrained: bool = True
    weights_of: str = ""
    recipe: Recipe = RECIPES["paper"]
    paper: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """What the runs of a list have in common; see `plan_options` for the meaning."""

    data: str
    weights: str
    runs: Path
    budget_minutes: float
    subset: int | None
    image_size: int | None
    epochs: int | None
    precision: str
    device: str
    seed: int

    @property
    def reduced(self) -> bool:
        """Whether these runs are smaller than the ones their recipes ask for."""
        return (self.subset, self.image_size, self.epochs) != (None, None, None)

    def settings(self, experiment: Experiment) -> Settings:
        recipe = experiment.recipe
        size = min(recipe.image_size, self.image_size or recipe.image_size)
        recipe = replace(recipe, image_size=size, epochs=self.epochs or recipe.epochs)
        weights = self.weights if experiment.pretrained else "none"
        if weights not in ("imagenet", "none"):
            weights = str(Path(weights) / f"{experiment.weights_of or experiment.backbone}.pt")
        return Settings(
            experiment.backbone,
            weights,
            self.data,
            domain_of(self.data),
            recipe,
            self.precision,
            self.seed,
            self.subset,
        )

    def folder(self, experiment: Experiment) -> Path:
        return self.runs / experiment.name

    def is_finished(self, experiment: Experiment) -> bool:
        """Whether the run is there, whole and with these settings. Raises RunError for others."""
        folder = self.folder(experiment)
        if not (folder / METRICS_FILE).is_file():
            return False
        wanted = json.loads(json.dumps(asdict(self.settings(experiment))))
        if json.loads((folder / CONFIG_FILE).read_text()) != wanted:
            raise RunError(
                f"the run in {folder} was made with other options; give another --runs folder."
            )
        return True

    def has_finished(self, experiment: Experiment) -> bool:
        """Whether the run is there, whole; one with other settings is not this plan's."""
        try:
            return self.is_finished(experiment)
        except RunError:
            return False


def run_all(experiments: Sequence[Experiment], plan: Plan) -> Iterator[dict[str, str]]:
    """Train what is not trained yet, until the budget is spent.

    Yields why each run that is not finished is not, by name, after every run; the last is how it
    stands in the end.
    """
    deadline = time.monotonic() + plan.budget_minutes * 60
    shared: dict[int, Images] = {}
    left = {experiment.name: "not begun" for experiment in experiments}
    for experiment in experiments:
        why = _run(experiment, plan, shared, deadline)
        if why:
            left[experiment.name] = why
        else:
            del left[experiment.name]
        yield dict(left)


def _run(experiment: Experiment, plan: Plan, shared: dict[int, Images], deadline: float) -> str:
    """Why the run is not finished; nothing when it is. shared: images by size, made as needed."""
    name, folder = experiment.name, plan.folder(experiment)
    try:
        if plan.is_finished(experiment):
            click.echo(f"{name}: finished before", err=True)
            return ""
        begun = (folder / RESUME_FILE).is_file()
        if time.monotonic() > deadline:
            return "begun" if begun else "not begun"
        click.echo(f"{name}: {folder}", err=True)
        device = choose_device(plan.device)
        settings = plan.settings(experiment)
        size = settings.recipe.image_size
        if size not in shared:
            shared[size] = load_images(Path(plan.data), size, device, plan.subset)
        done = finetune(settings, folder, device, begun, shared[size], deadline)
        return "" if done else "begun"
    except CalibrationError as error:
        # That a network does not learn is a result, too: the run is finished.
        click.echo(f"{name}: {error}", err=True)
        return ""
    # What torch raises for one backbone, such as a GPU's memory that is spent, is a RuntimeError
    # and leaves the others their turn.
    except (ImgscanError, RuntimeError) as error:
        why = str(error).partition("\n")[0]
        click.echo(f"{name}: {why}", err=True)
        return why


def plan_options(function: Function) -> Function:
    """The options that every list of runs shares, as the arguments of `make_plan`."""
    options = [
        click.option(
            "--budget-minutes",
            type=Minutes(),
            default=25.0,
            help="No training step begins later than this; 0 only writes the tables.",
        ),
        click.option("--data", default="data/cifake", metavar="FOLDER", help="CIFAKE."),
        click.option(
            "--weights",
            default="imagenet",
            metavar="imagenet|none|FOLDER",
            help="Starting weights: ImageNet's, random, or BACKBONE.pt in a folder.",
        ),
        click.option(
            "--runs",
            type=click.Path(path_type=Path, file_okay=False),
            default=Path("runs/paper"),
            help="Where the runs' folders lie.",
        ),
        click.option(
            "--results",
            type=click.Path(path_type=Path, file_okay=False),
            default=Path("results"),
            help="Where tables and curves go.",
        ),
        click.option(
            "--only", multiple=True, metavar="NAME", help="Run only this; may be given often."
        ),
        click.option(
            "--subset",
            type=click.IntRange(min=100),
            help="Reduced: train on so many images, test on a fifth as many.",
        ),
        click.option(
            "--image-size", type=click.IntRange(min=32), help="Reduced: at most this side."
        ),
        click.option("--epochs", type=click.IntRange(min=1), help="Reduced: so many epochs."),
        click.option("--precision", type=click.Choice(["float32", "bfloat16"]), default="bfloat16"),
        click.option("--device", default="auto", metavar="auto|cpu|cuda", help="Where to train."),
        click.option("--seed", type=int, default=0, help="Of everything random."),
    ]
    for option in reversed(options):
        function = option(function)
    return function


def make_plan(options: dict[str, Any]) -> Plan:
    """The plan that `plan_options` describe."""
    return Plan(**options)


def choose(experiments: Sequence[Experiment], only: Sequence[str]) -> list[Experiment]:
    """Those named in `only`, or all. Raises click.UsageError for unknown names."""
    known = [experiment.name for experiment in experiments]
    for name in only:
        if name not in known:
            raise click.UsageError(f"there is no run {name}; known: {', '.join(known)}.")
    return [experiment for experiment in experiments if not only or experiment.name in only]
