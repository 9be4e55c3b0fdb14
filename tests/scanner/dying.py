"""A backend that ends a scan in the middle, for tests of what is carried on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scanner.backends.backend import Backend, Scores


class Dying:
    """A backend that stops after `left` batches."""

    def __init__(self, backend: Backend, left: int) -> None:
        self.provider, self.precision = backend.provider, backend.precision
        self.batch_size, self.streams = backend.batch_size, 1
        self.left = left
        self._backend = backend

    def score(self, views: NDArray[np.uint8]) -> Scores:
        if self.left == 0:
            raise RuntimeError("died")
        self.left -= 1
        return self._backend.score(views)
