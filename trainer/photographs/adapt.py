"""Fine-tune CLIP's image tower for photographs against generated images, by low-rank adapters.

    python -m trainer.photographs.adapt --files data/repositories --budget-minutes 60
    python -m trainer.photographs.adapt --files data/repositories     again, after an interruption

Every step sees other views of pictures, augmented anew. It is done on all sources first, and then
without each part of them in turn, which is scored in the end by what was learnt from the others: at
several shares of the way from the frozen tower to the adapted one. What is kept are adapters and
heads. All randomness but that of sums on a GPU is a function of the step.
"""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import click
import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from scanner.files import own_partial_path, replacing, write_whole
from trainer.command import Command
from trainer.device import choose_device
from trainer.figures import plot_trainings
from trainer.minutes import Minutes
from trainer.photographs.classifier import Classifier
from trainer.photographs.clip import Weights, read_weights
from trainer.photographs.figures import figures, gain
from trainer.photographs.learning import SEED, SHARES, Learning, TrainingSet, look_at
from trainer.photographs.lora import (
    ALL,
    SHARES_FILE,
    Settings,
    adapters_file,
    left_out_file,
    read_settings,
    write_settings,
)
from trainer.photographs.options import data_option, files_option, tower_option
from trainer.photographs.sources import Photograph, read_photographs
from trainer.photographs.strangers import PARTS, groups_of, in_parts, without
from trainer.photographs.views import Pictures
from trainer.run import RunError

STEPS = 800  # some eleven draws of each of nine thousand images; by then all are known by heart
BATCH = 128
WARM_STEPS, TIMED_STEPS = 10, 40  # before a budget chooses the steps; a GPU compiles in the first
MARGIN = 0.1  # of a budget, for steps that turn out slower, for compiling again, and for writing

Left = Mapping[str, NDArray[np.bool_]]  # by the name of a training, the images that it leaves out


def digest(photographs: Sequence[Photograph]) -> str:
    """The same for the same files, of the same classes, in the same sources and groups."""
    rows = "\n".join(
        f"{it.sha256} {it.label} {it.source} {it.group} {it.path.stat().st_size}"
        for it in photographs
    )
    return hashlib.sha256(rows.encode()).hexdigest()[:16]


def adapt(
    weights: Weights,
    photographs: Sequence[Photograph],
    settings: Settings,
    out: Path,
    device: str,
    deadline: float = math.inf,
) -> bool:
    """Train on all, then without each part, and write what was learnt and the scores into `out`.

    What is there already is not learnt again. settings: without steps, as many are taken as end by
    the deadline, or STEPS. deadline: on time.monotonic's clock; no step begins after it. Returns
    whether all is there. Raises DeviceError, DataError, LoraError, RunError.
    """
    left_out = _left_out(photographs)
    settings = _begun(out, settings)
    missing = [name for name in left_out if not adapters_file(out, name).is_file()]
    if missing:
        if time.monotonic() > deadline:
            return False
        classifier = Classifier(weights).to(choose_device(device))
        images = _training_set(photographs, classifier)
        if settings.steps is None and deadline < math.inf:
            steps = _steps_in(deadline, images, classifier, left_out, settings.batch)
            settings = replace(settings, steps=steps)
        settings = replace(settings, steps=settings.steps or STEPS)
        write_settings(out, settings)
    for name in missing:
        if not _train(name, images, classifier, left_out[name], settings, out, deadline):
            return False
        click.echo(f"{name}: done", err=True)
    _summarise(photographs, left_out, out)
    return True


def _train(
    name: str,
    images: TrainingSet,
    classifier: Classifier,
    outside: NDArray[np.bool_],
    settings: Settings,
    out: Path,
    deadline: float,
) -> bool:
    """Whether there was time for it."""
    began = time.monotonic()
    learning = Learning(images, classifier, outside, settings.steps or STEPS, settings.batch)
    if not learning.run(deadline):
        return False
    learnt = classifier.learnt()
    if not all(np.isfinite(array).all() for array in learnt.values()):
        raise RunError("training diverged: the adapters are no numbers; nothing was written.")
    device = classifier.head.weight.device
    facts = {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "torch": str(torch.__version__),
        "seconds": round(time.monotonic() - began, 1),
    }
    _write(out / f"facts-{name}.json", json.dumps(facts, indent=2) + "\n")
    _write(out / f"steps-{name}.csv", pd.DataFrame(learning.log).to_csv(index=False))
    if outside.any():
        scores = pd.DataFrame(learning.scored())
        _write(left_out_file(out, name), scores.to_csv(index=False))
    # The last, since what has its adapters counts as finished.
    with replacing(adapters_file(out, name)) as partial, partial.open("wb") as stream:
        np.savez(stream, allow_pickle=False, **learnt)
    return True


def _write(path: Path, content: str) -> None:
    write_whole(path, content.encode(), own_partial_path(path))


def _training_set(photographs: Sequence[Photograph], classifier: Classifier) -> TrainingSet:
    torch.manual_seed(SEED)
    pictures = Pictures(photographs, str(classifier.mean.device))
    classifier.tower.compile_blocks()
    everything = torch.arange(len(photographs))
    as_they_are = look_at(classifier, pictures, everything)
    augmented = look_at(classifier, pictures, everything, augmented=True)
    return TrainingSet(photographs, pictures, (as_they_are, augmented))


def _steps_in(
    deadline: float, images: TrainingSet, classifier: Classifier, left_out: Left, batch: int
) -> int:
    """How many steps of each training end by the deadline, from real ones that are forgotten."""
    some_part = list(left_out)[-1]  # which is to be scored, as most are
    began = time.monotonic()
    trial = Learning(images, classifier, left_out[some_part], WARM_STEPS + TIMED_STEPS, batch)
    scored = list(trial.scored())
    beside = 2 * (time.monotonic() - began)  # and as much again for looks in between
    for step in range(WARM_STEPS):
        float(trial.step(step))
    began = time.monotonic()
    for step in range(WARM_STEPS, WARM_STEPS + TIMED_STEPS):
        loss = trial.step(step)
    float(loss)  # waits for a GPU
    a_step = (time.monotonic() - began) / TIMED_STEPS
    each = (1 - MARGIN) * (deadline - time.monotonic()) / len(left_out) - beside
    steps = int(each / a_step)
    click.echo(
        f"each of {len(left_out)} trainings: {steps} steps of {a_step:.3f} s, and {beside:.1f} s "
        f"beside them, with {len(scored):,} images left out",
        err=True,
    )
    if steps < 1:
        raise RunError("the budget holds not a step of each training; give more minutes.")
    return steps


def _left_out(photographs: Sequence[Photograph]) -> Left:
    """Raises DataError."""
    groups = groups_of(photographs)
    left_out = {ALL: np.zeros(len(groups), bool)}
    for number, part in enumerate(in_parts(photographs, PARTS)):
        without(photographs, part)  # both classes are left
        left_out[str(number)] = np.isin(groups, list(part))
    return left_out


def _summarise(photographs: Sequence[Photograph], left_out: Left, out: Path) -> None:
    """What makes a run a finished one."""
    logs = {name: pd.read_csv(out / f"steps-{name}.csv") for name in left_out}
    plot_trainings(out / "trainings.png", logs)
    shares = pd.DataFrame(_shares(photographs, left_out, out))
    _write(out / SHARES_FILE, shares.round(4).to_csv(index=False))
    click.echo(shares.to_string(index=False))


def _shares(
    photographs: Sequence[Photograph], left_out: Left, out: Path
) -> Iterator[dict[str, float]]:
    """How well left-out images are told apart at each share of the way."""
    tables = [left_out_file(out, name) for name in left_out if name != ALL]
    scores = pd.concat([pd.read_csv(path, dtype={"sha256": str}) for path in tables])
    scores = scores.set_index("sha256").loc[[photograph.sha256 for photograph in photographs]]
    frozen = scores[str(SHARES[0])].to_numpy(np.float32)
    for share in SHARES:
        found = scores[str(share)].to_numpy(np.float32)
        yield {"share": share} | figures(photographs, found) | gain(photographs, frozen, found)


def _begun(out: Path, settings: Settings) -> Settings:
    """Those of the run in `out`, begun now or before; one that has learnt nothing yet begins now.

    Raises LoraError, RunError.
    """
    begun = read_settings(out)
    if begun is None or not any(out.glob(adapters_file(Path(), "*").name)):
        out.mkdir(parents=True, exist_ok=True)
        return settings
    asked = replace(settings, steps=settings.steps or begun.steps)
    if asked != begun:
        raise RunError(
            f"the run in {out} was started with other options or images; choose another --out."
        )
    return begun


@click.command(cls=Command, context_settings={"show_default": True})
@tower_option
@data_option
@files_option
@click.option(
    "--steps",
    type=click.IntRange(min=1),
    help=f"Optimiser steps of each training.  [default: {STEPS}, or as many as the budget holds]",
)
@click.option("--batch", type=click.IntRange(min=2), default=BATCH, help="Images a step.")
@click.option("--device", default="auto", metavar="auto|cpu|cuda", help="Where to train.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("runs/adapted"))
@click.option(
    "--budget-minutes",
    type=Minutes(),
    help="Begin no step after that; the loading of libraries is not counted. A new run without "
    "--steps chooses as many as fit, after timing some. Trainings that end in time are kept.",
)
def main(
    tower: Path,
    data: Path,
    files: Path | None,
    steps: int | None,
    batch: int,
    device: str,
    out: Path,
    budget_minutes: float | None,
) -> None:
    """Fine-tune CLIP's image tower for photographs against generated images.

    Example: python -m trainer.photographs.adapt --files data/repositories
    """
    deadline = math.inf if budget_minutes is None else time.monotonic() + 60 * budget_minutes
    photographs = read_photographs(data, files)
    settings = Settings(digest(photographs), len(photographs), steps, batch)
    if not adapt(read_weights(tower), photographs, settings, out, device, deadline):
        click.echo(
            f"the budget is spent; the same command carries on after the trainings in {out} that "
            "are finished. Where none is, give more minutes or fewer --steps."
        )


if __name__ == "__main__":
    main()
