"""What a comparison of backbones measures, how thoroughly, and when it ends."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from benchmarks.backbones.candidates import DEVICES, PRECISIONS, Candidate
from scanner.errors import ImgscanError

BATCHES = (1, 8, 32, 128)
GPU_BATCHES = (256, 512)  # after those
SCORING_BATCH = 32


class Refused(ImgscanError):
    """Something cannot be measured here."""


@contextmanager
def refusing() -> Iterator[None]:
    """Raise Refused for what a backend fails with as it opens or scores."""
    try:
        yield
    except (ImgscanError, RuntimeError) as error:  # the latter is PyTorch's
        raise Refused((str(error).splitlines() or [type(error).__name__])[0]) from error


@dataclass(frozen=True)
class Budget:
    """ends: the moment of time.monotonic() after which nothing more is begun."""

    ends: float = math.inf

    def check(self) -> None:
        """Raises Refused once it is spent."""
        if time.monotonic() >= self.ends:
            raise Refused("The time budget was spent.")


@dataclass(frozen=True)
class Plan:
    """How much to measure, and where.

    seconds: of each measurement in a round. each: test images of each class. batches: those asked
    for; none for BATCHES, after which GPUs have GPU_BATCHES.
    """

    rounds: int
    seconds: float
    each: int
    devices: tuple[str, ...] = DEVICES
    precisions: tuple[str, ...] = PRECISIONS
    batches: tuple[int, ...] = ()
    budget: Budget = Budget()

    def batches_of(self, candidate: Candidate) -> tuple[int, ...]:
        return self.batches or BATCHES + (GPU_BATCHES if candidate.on_gpu else ())

    @property
    def scoring_batch(self) -> int:
        """For F1: one that is measured anyway, for which kernels are compiled and chosen."""
        return self.batches[0] if self.batches else SCORING_BATCH


QUICK = Plan(rounds=3, seconds=0.3, each=500)
THOROUGH = Plan(rounds=5, seconds=2.0, each=2000)
