"""Two files of one model: the faster scores all, and the full one again what is close to call."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scanner.backends.backend import Backend, Scores
from scanner.model.card import FirstPass, ModelCard, OperatingPoint
from scanner.model.verdict import near_thresholds


class CascadeBackend:
    """Gives the verdicts of `full` at the first operating point of `card`, in less time.

    What `scored_again` chooses gets the score of `full`; all else keeps that of `first`. A verdict
    can differ from that of `full` only where the two files' calibrated logits differ by more than
    the margin of `claim`, as on none of the pictures that they were compared on. Neither model may
    have an `ood`.
    """

    def __init__(self, first: Backend, full: Backend, card: ModelCard, claim: FirstPass) -> None:
        self.provider = full.provider
        self.precision = f"{first.precision}, {full.precision} near thresholds"
        self.batch_size = first.batch_size
        self.streams = first.streams
        self._first = first
        self._full = full
        self._card = card
        self._claim = claim

    def score(self, views: NDArray[np.uint8]) -> Scores:
        """The scores of N images, as `Backend` has it. Thread-safe. Raises BackendError."""
        logits = self._first.score(views).logits
        calibrated = self._card.calibration.apply(logits)
        again = scored_again(views, calibrated, self._card.operating_points[0], self._claim)
        if again.any():
            logits[again] = self._full.score(views[again]).logits
        return Scores(logits)


def scored_again(
    views: NDArray[np.uint8],
    calibrated: NDArray[np.float32],
    point: OperatingPoint,
    claim: FirstPass,
) -> NDArray[np.bool_]:
    """Which of N images the full file scores: those near a threshold, and those of few colours.

    calibrated: of the first file. Few are fewer than in any validation image: there the two files
    may be farther apart than the margin.
    """
    return near_thresholds(calibrated, point, claim.margin) | (colours(views) < claim.least_colours)


def colours(views: NDArray[np.uint8]) -> NDArray[np.intp]:
    """How many distinct colours each of N images has, in all views of it together."""
    red, green, blue = np.moveaxis(views.reshape(len(views), -1, 3).astype(np.uint32), -1, 0)
    packed = np.sort(red << 16 | green << 8 | blue, axis=1)
    return 1 + np.count_nonzero(packed[:, 1:] != packed[:, :-1], axis=1)
