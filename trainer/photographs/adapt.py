"""Fine-tune CLIP's image tower for photographs against generated images, by low-rank adapters.

    python -m trainer.photographs.adapt --files data/repositories             on all sources
    python -m trainer.photographs.adapt --files data/repositories --part 0 --out runs/adapted-0
    python -m trainer.photographs.adapt --files data/repositories --resume    after an interruption

Every step sees other pictures, augmented anew. What is kept are the adapters; the head that learns
beside them serves to score. With --part, that part of the sources is left
out, and scored in the end by what was learnt from the others. All randomness but that of sums on a
GPU is a function of the step, so a resumed run ends as an uninterrupted one.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn
from tqdm import tqdm

from scanner.files import replacing
from trainer.command import Command
from trainer.data.examples import LABELS, DataError
from trainer.device import choose_device, moved
from trainer.evaluate import autocast
from trainer.minutes import Minutes
from trainer.photographs.clip import PLACES, WIDTH, Weights, read_weights
from trainer.photographs.options import data_option, files_option, tower_option
from trainer.photographs.sources import Photograph, read_photographs
from trainer.photographs.strangers import PARTS, in_parts
from trainer.photographs.tiers import TIERS
from trainer.photographs.views import drawn, in_order, loaded
from trainer.photographs.vit import Adapters, Tower
from trainer.run import CONFIG_FILE, RESUME_FILE, RunError

ADAPTERS_FILE, STEPS_FILE = "adapters.npz", "steps.csv"
STEPS = 4000  # some sixty draws of each image
BATCH = 64
WARM_UP = 100  # steps that the learning rate rises over
RATE = 2e-4  # of the adapters; they begin as no change, and bear more than the weights would
# The head's 9,216 inputs move together, so that a smaller step changes a logit as much.
HEAD_RATE = 5e-5
WEIGHT_DECAY = 0.05
SEED = 0
SCORED = 128  # images a batch
LOG_EVERY = 20  # steps; reading the loss makes the CPU wait for the GPU
TIMED_FROM = 40  # step; those before it wait for processes and memory
CHECKPOINT_SECONDS = 300.0
WRITING_SECONDS = 10.0
MARGIN = 0.05  # of the time for steps, for checkpoints and slower ones
WORKERS = os.cpu_count() or 1


@dataclass(frozen=True)
class Settings:
    """What is trained on what. Saved as config.json in the run folder.

    images: a digest of what they are, on which it depends what is a part. part: the number, of
    PARTS, of the sources that are left out; None for none. patches: of a view, drawn anew for every
    step, that are looked at in training (FLIP, Li et al. 2023).
    """

    images: str
    part: int | None = None
    steps: int = STEPS
    batch: int = BATCH
    patches: int = PLACES


@dataclass
class Progress:
    """How far a run is. steps: that it ends after, which a budget may have chosen."""

    steps: int
    step: int = 0
    log: list[dict[str, float]] = field(default_factory=list)


class Judge(nn.Module):
    """The tower, and a linear head on its tokens, each of them scaled to deviation 1."""

    def __init__(self, weights: Weights) -> None:
        super().__init__()
        self.tower = Tower(weights)
        features = len(self.tower.blocks) * WIDTH
        self.scaled = nn.BatchNorm1d(features, affine=False)
        self.head = nn.Linear(features, 1)
        nn.init.zeros_(self.head.weight)

    def forward(self, images: Tensor, seen: Tensor | None = None) -> Tensor:
        """Raw log-odds, float32 N, that images are fake; takes what `Tower` takes.

        On a GPU the tower computes in bfloat16.
        """
        with autocast(images.device.type, "bfloat16" if images.is_cuda else "float32"):
            tokens = self.tower(images, seen)
        logits: Tensor = self.head(self.scaled(tokens.float().flatten(1)))[:, 0]
        return logits


def digest(photographs: Sequence[Photograph]) -> str:
    """The same for the same images in the same groups."""
    names = "\n".join(f"{photograph.sha256} {photograph.group}" for photograph in photographs)
    return hashlib.sha256(names.encode()).hexdigest()[:16]


def without(
    photographs: Sequence[Photograph], part: int | None
) -> tuple[list[Photograph], list[Photograph]]:
    """The images to train on, and those of that part of the sources. Raises DataError."""
    parts = in_parts(photographs, PARTS)
    if part is None:
        return list(photographs), []
    if part >= len(parts):
        raise DataError(f"there is no part {part}; the sources make {len(parts)}, from 0.")
    kept = [photograph for photograph in photographs if photograph.group not in parts[part]]
    left_out = [photograph for photograph in photographs if photograph.group in parts[part]]
    if len({photograph.label for photograph in kept}) < len(LABELS):
        raise DataError(f"without part {part} there are images of one class alone; name another.")
    return kept, left_out


def adapt(
    weights: Weights,
    photographs: Sequence[Photograph],
    settings: Settings,
    out: Path,
    device: str,
    resume: bool = False,
    deadline: float = math.inf,
    fit: bool = False,
) -> bool:
    """Train, score the part that is left out, and write adapters and scores into `out`.

    deadline: on time.monotonic's clock; no step begins after it. fit: take as many steps as end,
    with the scoring, by the deadline; where they turn out slower than the first ones, fewer.

    Returns whether the run is finished; one stopped by its deadline resumes. Raises DeviceError,
    RunError, DataError.
    """
    device = choose_device(device)
    on_gpu = device.startswith("cuda")
    kept, left_out = without(photographs, settings.part)
    _prepare(out, settings, resume)
    torch.manual_seed(SEED)
    judge = Judge(weights).to(device).train()
    optimizer = _optimizer(judge, on_gpu)
    progress = Progress(settings.steps)
    if resume:
        progress = _restore(out / RESUME_FILE, judge, optimizer)
    batches = loaded(kept, drawn(kept, settings.batch, SEED, progress.step), WORKERS, on_gpu)
    losses: list[Tensor] = []
    lap = saved = timed = time.monotonic()
    with tqdm(total=progress.steps, initial=progress.step, unit="step", disable=None) as bar:
        while progress.step < progress.steps and time.monotonic() < deadline:
            for group in optimizer.param_groups:
                group["lr"] = group["peak"] * share_of_peak(progress.step, progress.steps)
            images, labels = (moved(it, device) for it in next(batches))
            seen = _patches(settings, progress.step)
            logits = judge(images, None if seen is None else moved(seen, device))
            loss = F.binary_cross_entropy_with_logits(logits, labels)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            losses.append(loss.detach())
            progress.step += 1
            bar.update()

            if progress.step % LOG_EVERY == 0 or progress.step == progress.steps:
                note = {"step": progress.step, "loss": float(torch.stack(losses).mean())}
                now = time.monotonic()
                note["images_per_second"] = len(losses) * settings.batch / (now - lap)
                progress.log.append(note)
                bar.set_postfix(
                    loss=f"{note['loss']:.4f}", img_s=f"{note['images_per_second']:.0f}"
                )
                losses.clear()
                lap = now
            if progress.step == TIMED_FROM:
                timed = time.monotonic()
            if fit and progress.step == WARM_UP:
                a_step = (time.monotonic() - timed) / (WARM_UP - TIMED_FROM)
                views = len(left_out) * len(TIERS)
                deadline -= WRITING_SECONDS + views * a_step / settings.batch
                more = int((1 - MARGIN) * (deadline - time.monotonic()) / a_step)
                progress.steps = bar.total = WARM_UP + max(0, more)
                click.echo(
                    f"{progress.steps} steps of {a_step:.2f} s fit into the budget", err=True
                )
            if time.monotonic() - saved > CHECKPOINT_SECONDS:
                _save(out / RESUME_FILE, progress, judge, optimizer)
                saved = time.monotonic()
    if fit and progress.step >= WARM_UP:
        progress.steps = progress.step
    _save(out / RESUME_FILE, progress, judge, optimizer)
    pd.DataFrame(progress.log).to_csv(out / STEPS_FILE, index=False)
    if progress.step < progress.steps:
        return False
    _write(out / ADAPTERS_FILE, judge.tower.adapters())
    if left_out:
        scores = pd.DataFrame(_scored(judge, left_out, device))
        scores.to_csv(out / f"left-out-{settings.part}.csv", index=False)
        for tier, of_tier in scores.groupby("tier", sort=False):
            auroc = roc_auc_score(of_tier["label"], of_tier["logit"])
            click.echo(f"part {settings.part} left out, {tier}: AUROC {auroc:.4f}")
    return True


def share_of_peak(step: int, steps: int) -> float:
    """Of the learning rate's peak, at `step` (0-based): it rises over WARM_UP steps, then falls
    to 0, both linearly.
    """
    if step < WARM_UP:
        return (step + 1) / WARM_UP
    return (steps - step) / (steps - WARM_UP)


def _optimizer(judge: Judge, on_gpu: bool) -> torch.optim.Optimizer:
    groups: list[dict[str, Any]] = [
        {"params": list(judge.tower.parameters()), "peak": RATE},
        {"params": list(judge.head.parameters()), "peak": HEAD_RATE},
    ]
    return torch.optim.AdamW(groups, weight_decay=WEIGHT_DECAY, fused=on_gpu)


def _patches(settings: Settings, step: int) -> Tensor | None:
    """Which patches of each view are looked at; None for all."""
    if settings.patches == PLACES:
        return None
    generator = torch.Generator().manual_seed(SEED * 1_000_003 + step)
    order = torch.rand(settings.batch, PLACES, generator=generator)
    return order.topk(settings.patches).indices


@torch.inference_mode()
def _scored(
    judge: Judge, photographs: Sequence[Photograph], device: str
) -> Iterator[dict[str, Any]]:
    """A row an image and tier. Raises DataError."""
    judge.eval()
    for tier in TIERS:
        batches = in_order(len(photographs), SCORED, tier)
        views = loaded(photographs, batches, WORKERS, device.startswith("cuda"))
        logits = torch.cat([judge(moved(images, device)) for images, _ in views]).cpu().numpy()
        for photograph, logit in zip(photographs, logits, strict=True):
            yield {
                "sha256": photograph.sha256,
                "source": photograph.source,
                "label": photograph.label,
                "tier": tier if photograph.whole else f"{tier}-of-cuts",
                "logit": round(float(logit), 4),
            }


def _write(path: Path, adapters: Adapters) -> None:
    """Raises RunError where training diverged."""
    if not all(np.isfinite(array).all() for array in adapters.values()):
        raise RunError("training diverged: the adapters are no numbers; nothing was written.")
    with replacing(path) as partial, partial.open("wb") as stream:
        np.savez(stream, allow_pickle=False, **adapters)


def _prepare(out: Path, settings: Settings, resume: bool) -> None:
    """Start a run in `out`, or check that the one there can be resumed. Raises RunError."""
    config = out / CONFIG_FILE
    begun = config.is_file() and (out / RESUME_FILE).is_file()
    if begun and not resume:
        raise RunError(f"{out} already holds a run; add --resume, or choose another --out.")
    if resume and not begun:
        raise RunError(f"{out} holds no run to resume; start one without --resume.")
    if resume and json.loads(config.read_text()) != asdict(settings):
        raise RunError(f"the run in {out} was started with other options or images; see {config}.")
    out.mkdir(parents=True, exist_ok=True)
    config.write_text(json.dumps(asdict(settings), indent=2) + "\n")


def _save(path: Path, progress: Progress, judge: Judge, optimizer: torch.optim.Optimizer) -> None:
    record = {
        "progress": asdict(progress),
        "state": judge.state_dict(),
        "optimizer": optimizer.state_dict(),
    }
    with replacing(path) as partial:
        torch.save(record, partial)


def _restore(path: Path, judge: Judge, optimizer: torch.optim.Optimizer) -> Progress:
    """Raises RunError."""
    try:
        record = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch.load raises pickle, zip and runtime errors alike
        raise RunError(f"{path} is damaged; start again in another --out.") from error
    judge.load_state_dict(record["state"])
    optimizer.load_state_dict(record["optimizer"])
    return Progress(**record["progress"])


@click.command(cls=Command, context_settings={"show_default": True})
@tower_option
@data_option
@files_option
@click.option(
    "--part",
    type=click.IntRange(0, PARTS - 1),
    help=f"Leave this one of {PARTS} parts of the sources out, and score it.  [default: train on "
    "all]",
)
@click.option("--steps", type=click.IntRange(min=1), help=f"Optimiser steps.  [default: {STEPS}]")
@click.option("--batch", type=click.IntRange(min=2), default=BATCH, help="Images a step.")
@click.option(
    "--patches",
    type=click.IntRange(1, PLACES),
    default=PLACES,
    help="Of each view's patches, how many a training step looks at: half of them, drawn at "
    "random, take half the time.",
)
@click.option("--device", default="auto", metavar="auto|cpu|cuda", help="Where to train.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("runs/adapted"))
@click.option(
    "--budget-minutes",
    type=Minutes(),
    help="Take no longer, the loading of libraries apart. A new run without --steps chooses as "
    "many as fit, after timing some; another stops when the time is spent, and --resume carries "
    "on.",
)
@click.option(
    "--resume", is_flag=True, help="Carry on an interrupted run from its last checkpoint."
)
def main(
    tower: Path,
    data: Path,
    files: Path | None,
    part: int | None,
    steps: int | None,
    batch: int,
    patches: int,
    device: str,
    out: Path,
    budget_minutes: float | None,
    resume: bool,
) -> None:
    """Fine-tune CLIP's image tower for photographs against generated images.

    Example: python -m trainer.photographs.adapt --files data/repositories --part 0
    """
    deadline = math.inf if budget_minutes is None else time.monotonic() + 60 * budget_minutes
    fit = budget_minutes is not None and steps is None and not resume
    photographs = read_photographs(data, files)
    settings = Settings(digest(photographs), part, steps or STEPS, batch, patches)
    if not adapt(read_weights(tower), photographs, settings, out, device, resume, deadline, fit):
        click.echo(f"the budget is spent; the same command with --resume carries on in {out}.")


if __name__ == "__main__":
    main()
