"""Two files of one model: the faster scores all, and the full one again what is close to call."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scanner.backends.backend import Backend, Scores
from scanner.model.card import ModelCard
from scanner.model.verdict import near_thresholds


class CascadeBackend:
    """Gives the verdicts of `full` at the first operating point of `card`, in less time.

    What `first` scores within `margin` of a threshold, in calibrated logits, gets the score of
    `full`; all else keeps that of `first`, which lies farther from the thresholds than the two
    differ. Neither model may have an `ood`.
    """

    def __init__(self, first: Backend, full: Backend, card: ModelCard, margin: float) -> None:
        self.provider = full.provider
        self.precision = f"{first.precision}, {full.precision} near thresholds"
        self.batch_size = first.batch_size
        self.streams = first.streams
        self._first = first
        self._full = full
        self._card = card
        self._margin = margin

    def score(self, views: NDArray[np.uint8]) -> Scores:
        """The scores of N images, as `Backend` has it. Thread-safe. Raises BackendError."""
        logits = self._first.score(views).logits
        calibrated = self._card.calibration.apply(logits)
        near = near_thresholds(calibrated, self._card.operating_points[0], self._margin)
        if near.any():
            logits[near] = self._full.score(views[near]).logits
        return Scores(logits)
