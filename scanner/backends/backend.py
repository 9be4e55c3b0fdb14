"""What every backend is to its caller."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from scanner.errors import ImgscanError
from scanner.model.verdict import Score

CPU = "CPUExecutionProvider"  # the provider of what ONNX Runtime runs on a CPU
Tell = Callable[[str], None]  # takes a sentence for the person who waits


class BackendError(ImgscanError):
    """The device cannot be used; the sentence says why."""


@dataclass(frozen=True)
class Scores:
    """What a model says of N images.

    logits: raw log-odds that each is fake, float32 N. ood: how far each lies from what the model
    was made from, float32 N; None of a model that does not say.
    """

    logits: NDArray[np.float32]
    ood: NDArray[np.float32] | None = None

    def each(self) -> Iterator[Score]:
        """The score of one image after the other."""
        ood = [None] * len(self.logits) if self.ood is None else self.ood.tolist()
        return map(Score, self.logits.tolist(), ood)


def joined(parts: Sequence[Scores]) -> Scores:
    """The scores of all images of the parts, which are one model's, in their order."""
    ood = [part.ood for part in parts if part.ood is not None]
    logits = np.concatenate([part.logits for part in parts])
    return Scores(logits, np.concatenate(ood) if ood else None)


class Backend(Protocol):
    """`provider` and `precision` are what really runs.

    batch_size: images to hand over at once; it shrinks where a GPU's memory runs out.
    streams: how many calls of `score`, each from a thread of its own, run side by side.
    """

    provider: str
    precision: str
    batch_size: int
    streams: int

    def score(self, views: NDArray[np.uint8]) -> Scores:
        """The scores of N images, any N from 1, by what the model sees of them. Thread-safe.

        views: uint8, N×S×S×3 or, for a model of several views, N×V×S×S×3.
        """
        ...


def usable_cores() -> int:
    """CPU cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
