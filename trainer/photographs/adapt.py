"""Fine-tune CLIP's image tower for photographs against generated images, by low-rank adapters.

    python -m trainer.photographs.adapt --files data/repositories --budget-minutes 60
    python -m trainer.photographs.adapt --files data/repositories     again, after an interruption

Every step sees other pictures, augmented anew. It is done on all sources first, and then without
each part of them in turn, which is scored in the end by what was learnt from the others: at several
shares of the way from the frozen tower to the adapted one. What is kept are adapters and heads. All
randomness but that of sums on a GPU is a function of the step.
"""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path

import click
import numpy as np
import pandas as pd
import torch

from scanner.files import replacing
from trainer.command import Command
from trainer.data.examples import LABELS, DataError
from trainer.device import choose_device
from trainer.figures import plot_trainings
from trainer.minutes import Minutes
from trainer.photographs.adapters import ALL, adapters_file
from trainer.photographs.clip import Weights, read_weights
from trainer.photographs.figures import figures, gain
from trainer.photographs.judge import Judge
from trainer.photographs.learning import LEFT_OUT, SEED, SHARES, Budget, Learning, Material, look_at
from trainer.photographs.options import data_option, files_option, tower_option
from trainer.photographs.sources import Photograph, read_photographs
from trainer.photographs.strangers import PARTS, Parts, groups_of, in_parts
from trainer.photographs.views import Pictures
from trainer.run import CONFIG_FILE, RunError

STEPS = 800  # some eleven draws of each of nine thousand images; by then all are known by heart
BATCH = 128
SHARES_FILE = "shares.csv"


@dataclass(frozen=True)
class Settings:
    """What is trained on what. Saved as config.json in the run folder.

    images: a digest of what they are, on which it depends what is a part. steps: of each training;
    None until a budget has chosen them.
    """

    images: str
    steps: int | None = STEPS
    batch: int = BATCH


def digest(photographs: Sequence[Photograph]) -> str:
    """The same for the same images in the same groups."""
    names = "\n".join(f"{photograph.sha256} {photograph.group}" for photograph in photographs)
    return hashlib.sha256(names.encode()).hexdigest()[:16]


def adapt(
    weights: Weights,
    photographs: Sequence[Photograph],
    settings: Settings,
    out: Path,
    device: str,
    deadline: float = math.inf,
) -> bool:
    """Train on all, then without each part, and write what was learnt and the scores into `out`.

    What is there already is not learnt again. deadline: on time.monotonic's clock; no step begins
    after it. Returns whether all is there. Raises DeviceError, DataError, RunError.
    """
    device = choose_device(device)
    left_out = _left_out(photographs, in_parts(photographs, PARTS))
    settings = _prepared(out, settings)
    missing = [name for name in left_out if not adapters_file(out, name).is_file()]
    judge = Judge(weights).to(device)
    material = cache(lambda: _material(photographs, judge))  # only where something is missing
    for number, name in enumerate(missing):
        if time.monotonic() > deadline:
            return False
        learning = Learning(material(), judge, left_out[name], settings.steps)
        if not learning.run(settings.batch, Budget(deadline, len(missing) - number)):
            return False
        settings = replace(settings, steps=learning.steps)
        _write_settings(out, settings)
        pd.DataFrame(learning.log).to_csv(out / f"steps-{name}.csv", index=False)
        if rows := list(learning.scored()):
            pd.DataFrame(rows).to_csv(out / f"{LEFT_OUT}-{name}.csv", index=False)
        _write_adapters(adapters_file(out, name), judge)
        click.echo(f"{number + 1} of {len(missing)} trainings done", err=True)
    logs = {name: pd.read_csv(out / f"steps-{name}.csv") for name in left_out}
    plot_trainings(out / "trainings.png", logs)
    shares = pd.DataFrame(_shares(photographs, out))
    shares.round(4).to_csv(out / SHARES_FILE, index=False)
    click.echo(shares.to_string(index=False))
    return True


def _material(photographs: Sequence[Photograph], judge: Judge) -> Material:
    torch.manual_seed(SEED)
    pictures = Pictures(photographs, str(judge.mean.device))
    judge.tower.compile()
    everything = torch.arange(len(photographs))
    as_they_are = look_at(judge, pictures, everything, augmented=False)
    augmented = look_at(judge, pictures, everything, augmented=True)
    return Material(photographs, pictures, (as_they_are, augmented))


def _shares(photographs: Sequence[Photograph], out: Path) -> Iterator[dict[str, float]]:
    """How well left-out images are told apart at each share of the way."""
    scores = pd.concat(map(pd.read_csv, sorted(out.glob(f"{LEFT_OUT}-*.csv"))))
    names = [photograph.sha256 for photograph in photographs]
    logits = scores.pivot(index="sha256", columns="share", values="logit").loc[names]
    frozen = logits[SHARES[0]].to_numpy(np.float32)
    for share in SHARES:
        found = logits[share].to_numpy(np.float32)
        yield {"share": share} | figures(photographs, found) | gain(photographs, frozen, found)


def _left_out(
    photographs: Sequence[Photograph], parts: Parts
) -> dict[str, np.ndarray[tuple[int], np.dtype[np.bool_]]]:
    """By the name of a training, the images that it leaves out, bool N. Raises DataError."""
    groups = groups_of(photographs)
    left_out = {ALL: np.zeros(len(groups), bool)}
    for number, part in enumerate(parts):
        left_out[str(number)] = outside = np.isin(groups, list(part))
        kept = {it.label for it, out in zip(photographs, outside, strict=True) if not out}
        if len(kept) < len(LABELS):
            raise DataError(
                f"without {' and '.join(sorted(part))} there are images of one class alone; it "
                "takes photographs and fakes of more sources."
            )
    return left_out


def _write_adapters(path: Path, judge: Judge) -> None:
    """Raises RunError where training diverged."""
    learnt = judge.learnt()
    if not all(np.isfinite(array).all() for array in learnt.values()):
        raise RunError("training diverged: the adapters are no numbers; nothing was written.")
    with replacing(path) as partial, partial.open("wb") as stream:
        np.savez(stream, allow_pickle=False, **learnt)


def _prepared(out: Path, settings: Settings) -> Settings:
    """Of the run in `out`, begun now or before. Raises RunError."""
    config = out / CONFIG_FILE
    if config.is_file():
        begun = Settings(**json.loads(config.read_text()))
        if replace(begun, steps=settings.steps) != settings or settings.steps not in (
            None,
            begun.steps,
        ):
            raise RunError(
                f"the run in {out} was started with other options or images; see {config}, or "
                "choose another --out."
            )
        return begun
    out.mkdir(parents=True, exist_ok=True)
    _write_settings(out, settings)
    return settings


def _write_settings(out: Path, settings: Settings) -> None:
    (out / CONFIG_FILE).write_text(json.dumps(asdict(settings), indent=2) + "\n")


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
    help="Take no longer, the loading of libraries apart. A new run without --steps chooses as "
    "many as fit, after timing some; what is finished in time is kept, and the same command "
    "carries on.",
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
    if budget_minutes is None:
        steps = steps or STEPS
    settings = Settings(digest(photographs), steps, batch)
    if not adapt(read_weights(tower), photographs, settings, out, device, deadline):
        click.echo(f"the budget is spent; the same command carries on in {out}.")


if __name__ == "__main__":
    main()
