"""What every backend is to its caller."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from scanner.errors import ImgscanError

Tell = Callable[[str], None]  # takes a sentence for the person who waits


class BackendError(ImgscanError):
    """The device cannot be used; the sentence says why."""


class Backend(Protocol):
    """`provider` and `precision` are what really runs.

    batch_size: views to hand over at once; it shrinks where a GPU's memory runs out.
    streams: how many calls of `score`, each from a thread of its own, run side by side.
    """

    provider: str
    precision: str
    batch_size: int
    streams: int

    def score(self, views: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Raw logits, float32 N, of uint8 views N×V×V×3, for any N from 1. Thread-safe."""
        ...


def usable_cores() -> int:
    """CPU cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
