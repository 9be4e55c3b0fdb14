"""One training of the tower's adapters and the head, on some of the pictures."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from torch import Tensor
from tqdm import tqdm

from trainer.device import moved
from trainer.photographs.classifier import Classifier
from trainer.photographs.head import image_weights, labels_of
from trainer.photographs.sources import Photograph
from trainer.photographs.strangers import STRENGTH
from trainer.photographs.views import Pictures
from trainer.run import RunError

WARM_UP = 100  # steps that the learning rate rises over
RATE = 2e-4  # of the adapters; they begin as no change, and bear more than the weights would
# The head's 9,216 inputs move together, so that a smaller step changes a logit as much.
HEAD_RATE = 5e-6
WEIGHT_DECAY = 0.05
SEED = 0
SCORED = 256  # images a batch
LOG_EVERY = 20  # steps; reading the loss makes the CPU wait for the GPU
SCORINGS = 4  # of what is left out, in a training
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)  # of the way to what was learnt


@dataclass(frozen=True)
class TrainingSet:
    """Pictures on the device, and what the frozen tower sees of each of them.

    tokens: float32 N×features, of the pictures as they are and of a view of each, augmented.
    """

    photographs: Sequence[Photograph]
    pictures: Pictures
    tokens: tuple[Tensor, Tensor]


def look_at(
    classifier: Classifier, pictures: Pictures, chosen: Tensor, augmented: bool = False
) -> Tensor:
    """What the tower sees of the chosen pictures, float32 N×features on the device."""
    # Not compiled, which would be done anew for every size of a last batch.
    with torch.no_grad(), torch.compiler.set_stance("force_eager"):
        seen = []
        for some in chosen.split(SCORED):
            views = pictures.augmented(some) if augmented else pictures.as_they_are(some)
            seen.append(classifier.tokens(views))
        return torch.cat(seen)


class Learning:
    """A training of `steps` steps without the images of `outside`, bool N, which it scores.

    log: rows of steps-NAME.csv.
    """

    def __init__(
        self,
        images: TrainingSet,
        classifier: Classifier,
        outside: NDArray[np.bool_],
        steps: int,
        batch: int,
    ) -> None:
        self.log: list[dict[str, float]] = []
        self._steps, self._batch = steps, batch
        self._images = images
        self._classifier = classifier
        self._device = images.pictures.device
        self._kept = torch.from_numpy(np.flatnonzero(~outside))
        self._outside = torch.from_numpy(np.flatnonzero(outside))
        self._labels = torch.from_numpy(labels_of(images.photographs)).float()
        self._draws = torch.from_numpy(
            image_weights([images.photographs[place] for place in self._kept.tolist()])
        )
        kept = moved(self._kept, self._device)
        torch.manual_seed(SEED)
        classifier.begin(
            torch.cat([seen[kept] for seen in images.tokens]),
            moved(self._labels[self._kept].repeat(2), self._device),
            moved(self._draws.float().repeat(2), self._device),
            STRENGTH,
        )
        self._optimizer = _optimizer(classifier)

    def run(self, deadline: float) -> bool:
        """Take all steps; whether there was time for them. Raises RunError if it diverges."""
        losses: list[Tensor] = []
        scorings = set(np.linspace(0, self._steps, SCORINGS + 1).round().astype(int).tolist())
        both_classes = len(self._labels[self._outside].unique()) > 1
        lap = time.monotonic()
        for step in tqdm(range(1, self._steps + 1), unit="step", disable=None):
            if time.monotonic() > deadline:
                return False
            losses.append(self.step(step - 1))
            if step % LOG_EVERY == 0 or step in scorings:
                self._note(step, losses, time.monotonic() - lap)
                if step in scorings and both_classes:
                    auroc = roc_auc_score(self._labels[self._outside], self._logits())
                    self.log[-1]["left_out_auroc"] = float(auroc)
                losses, lap = [], time.monotonic()
        return True

    def step(self, step: int) -> Tensor:
        """Take step `step` (0-based); its loss, on the device."""
        torch.manual_seed(SEED + step + 1)
        for group in self._optimizer.param_groups:
            group["lr"] = group["peak"] * share_of_peak(step, self._steps)
        chosen = self._kept[torch.multinomial(self._draws, self._batch, replacement=True)]
        views = self._images.pictures.augmented(chosen)
        labels = moved(self._labels[chosen], self._device)
        loss = F.binary_cross_entropy_with_logits(self._classifier(views), labels)
        loss.backward()
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        return loss.detach()

    def scored(self) -> Iterator[dict[str, Any]]:
        """A row an image that was left out, with its logit at each share of the way."""
        logits: dict[str, NDArray[np.float32]] = {}
        for share in SHARES:
            with self._classifier.at(share):
                logits[str(share)] = self._logits()
        for number, place in enumerate(self._outside.tolist()):
            photograph = self._images.photographs[place]
            yield {
                "sha256": photograph.sha256,
                "source": photograph.source,
                "group": photograph.group,
                "label": photograph.label,
                **{share: round(float(found[number]), 4) for share, found in logits.items()},
            }

    def _note(self, step: int, losses: Sequence[Tensor], seconds: float) -> None:
        loss = float(torch.stack(list(losses)).mean())
        if not np.isfinite(loss):
            raise RunError(f"training diverged by step {step}: its loss is no number.")
        speed = len(losses) * self._batch / seconds
        self.log.append({"step": step, "loss": loss, "images_per_second": round(speed, 1)})

    def _logits(self) -> NDArray[np.float32]:
        """Of the images that are left out, as they are."""
        seen = look_at(self._classifier, self._images.pictures, self._outside)
        with torch.no_grad():
            logits: NDArray[np.float32] = self._classifier.weigh(seen).cpu().numpy()
        return logits


def share_of_peak(step: int, steps: int) -> float:
    """Of the learning rate's peak, at `step` (0-based): it rises over WARM_UP steps, then falls
    to 0, both linearly; a shorter training ends while it rises.
    """
    if step < WARM_UP:
        return (step + 1) / WARM_UP
    return (steps - step) / (steps - WARM_UP)


def _optimizer(classifier: Classifier) -> torch.optim.Optimizer:
    groups: list[dict[str, Any]] = [
        {"params": list(classifier.tower.parameters()), "peak": RATE},
        {"params": list(classifier.head.parameters()), "peak": HEAD_RATE},
    ]
    fused = classifier.head.weight.is_cuda
    return torch.optim.AdamW(groups, weight_decay=WEIGHT_DECAY, fused=fused)
