"""One training of the tower's adapters and the head, on some of the pictures."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import click
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from torch import Tensor
from tqdm import tqdm

from trainer.device import moved
from trainer.photographs.head import image_weights, labels_of
from trainer.photographs.judge import Judge
from trainer.photographs.sources import Photograph
from trainer.photographs.strangers import PARTS, STRENGTH
from trainer.photographs.views import Pictures

WARM_UP = 100  # steps that the learning rate rises over
TIMED_FROM = 40  # step; those before it compile and take memory
RATE = 2e-4  # of the adapters; they begin as no change, and bear more than the weights would
# The head's 9,216 inputs move together, so that a smaller step changes a logit as much.
HEAD_RATE = 5e-6
WEIGHT_DECAY = 0.05
SEED = 0
SCORED = 256  # images a batch
LOG_EVERY = 20  # steps; reading the loss makes the CPU wait for the GPU
LEFT_OUT = "left-out"  # begins the names of the files of scores
LOOKS = 4  # times in a training that what is left out is scored
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)  # of the way to what was learnt
MARGIN = 0.05  # of the time for steps, for slower ones


@dataclass(frozen=True)
class Material:
    """Pictures on the device, and what the frozen tower sees of each of them.

    tokens: float32 N×features, of the pictures as they are and of a view of each, augmented.
    """

    photographs: Sequence[Photograph]
    pictures: Pictures
    tokens: tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Budget:
    """deadline: on time.monotonic's clock. trainings: that are to end by then, all as long."""

    deadline: float
    trainings: int

    def steps(self, a_step: float, beside: float) -> int:
        """Of each, the first of which has taken WARM_UP.

        a_step, beside: seconds of a step, and of all else of a training.
        """
        left = self.deadline - time.monotonic() - self.trainings * beside
        return (WARM_UP + max(0, int((1 - MARGIN) * left / a_step))) // self.trainings


def look_at(judge: Judge, pictures: Pictures, chosen: Tensor, augmented: bool) -> Tensor:
    """What the tower sees of the chosen pictures, float32 N×features on the device."""
    # Not compiled, which would be done anew for every size of a last batch.
    with torch.no_grad(), torch.compiler.set_stance("force_eager"):
        seen = []
        for some in chosen.split(SCORED):
            views = pictures.augmented(some) if augmented else pictures.as_they_are(some)
            seen.append(judge.tokens(views))
        return torch.cat(seen)


class Learning:
    """A training without the images of `outside`, bool N, which it scores.

    steps: that it takes; None for as many as fit into a budget. log: rows of steps.csv.
    """

    def __init__(
        self, material: Material, judge: Judge, outside: NDArray[np.bool_], steps: int | None
    ) -> None:
        self.steps = steps
        self.log: list[dict[str, float]] = []
        self._begun = time.monotonic()
        self._material = material
        self._judge = judge
        self._device = material.pictures.device
        self._kept = torch.from_numpy(np.flatnonzero(~outside))
        self._outside = torch.from_numpy(np.flatnonzero(outside))
        self._labels = torch.from_numpy(labels_of(material.photographs)).float()
        self._draws = torch.from_numpy(
            image_weights([material.photographs[place] for place in self._kept.tolist()])
        )
        kept = moved(self._kept, self._device)
        torch.manual_seed(SEED)
        judge.begin(
            torch.cat([seen[kept] for seen in material.tokens]),
            moved(self._labels[self._kept].repeat(2), self._device),
            moved(self._draws.float().repeat(2), self._device),
            STRENGTH,
        )
        self._optimizer = _optimizer(judge)

    def run(self, batch: int, budget: Budget) -> bool:
        """Take all steps of `batch` images; whether there was time for them."""
        losses: list[Tensor] = []
        beside = time.monotonic() - self._begun
        lap = timed = time.monotonic()
        step = 0
        with tqdm(total=self.steps, unit="step", disable=None) as bar:
            while self.steps is None or step < self.steps:
                if time.monotonic() > budget.deadline:
                    return False
                losses.append(self._step(step, batch))
                step += 1
                bar.update()
                if self.steps is None and step == TIMED_FROM:
                    torch.stack(losses).sum().item()  # waits for the GPU
                    timed = time.monotonic()
                if self.steps is None and step == WARM_UP:
                    torch.stack(losses).sum().item()
                    a_step = (time.monotonic() - timed) / (WARM_UP - TIMED_FROM)
                    scored = (len(SHARES) + LOOKS) * len(self._material.photographs) / PARTS
                    beside += scored / batch * a_step
                    self.steps = bar.total = max(WARM_UP, budget.steps(a_step, beside))
                    said = f"{self.steps} steps of {a_step:.3f} s, and {beside:.1f} s beside them"
                    click.echo(f"each of {budget.trainings} trainings: {said}", err=True)
                look = self.steps is not None and step % max(1, self.steps // LOOKS) == 0
                if step % LOG_EVERY == 0 or look:
                    note = {"step": step, "loss": float(torch.stack(losses).mean())}
                    note["images_per_second"] = len(losses) * batch / (time.monotonic() - lap)
                    if look and len(self._outside):
                        labels = self._labels[self._outside]
                        note["left_out_auroc"] = roc_auc_score(labels, self._logits())
                    self.log.append(note)
                    losses.clear()
                    lap = time.monotonic()
        return True

    def _step(self, step: int, batch: int) -> Tensor:
        torch.manual_seed(SEED * 1_000_003 + step + 1)
        for group in self._optimizer.param_groups:
            group["lr"] = group["peak"] * share_of_peak(step, self.steps)
        chosen = self._kept[torch.multinomial(self._draws, batch, replacement=True)]
        views = self._material.pictures.augmented(chosen)
        labels = moved(self._labels[chosen], self._device)
        loss = F.binary_cross_entropy_with_logits(self._judge(views), labels)
        loss.backward()
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        return loss.detach()

    def _logits(self) -> NDArray[np.float32]:
        """Of the images that are left out, as they are."""
        seen = look_at(self._judge, self._material.pictures, self._outside, augmented=False)
        with torch.no_grad():
            logits: NDArray[np.float32] = self._judge.weigh(seen).cpu().numpy()
        return logits

    def scored(self) -> Iterator[dict[str, Any]]:
        """A row an image that was left out, and share of the way."""
        for share in SHARES if len(self._outside) else ():
            with self._judge.at(share):
                logits = self._logits()
            for place, logit in zip(self._outside.tolist(), logits, strict=True):
                photograph = self._material.photographs[place]
                yield {
                    "sha256": photograph.sha256,
                    "source": photograph.source,
                    "group": photograph.group,
                    "label": photograph.label,
                    "share": share,
                    "logit": round(float(logit), 4),
                }


def share_of_peak(step: int, steps: int | None) -> float:
    """Of the learning rate's peak, at `step` (0-based): it rises over WARM_UP steps, then falls
    to 0, both linearly. steps: None where that is not known yet.
    """
    if steps is None or step < WARM_UP:
        return min(1.0, (step + 1) / WARM_UP)
    return (steps - step) / (steps - WARM_UP)


def _optimizer(judge: Judge) -> torch.optim.Optimizer:
    groups: list[dict[str, Any]] = [
        {"params": list(judge.tower.parameters()), "peak": RATE},
        {"params": list(judge.head.parameters()), "peak": HEAD_RATE},
    ]
    fused = judge.head.weight.is_cuda
    return torch.optim.AdamW(groups, weight_decay=WEIGHT_DECAY, fused=fused)
