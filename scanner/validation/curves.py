"""How well a score tells two classes apart: ROC and DET curve, and the area under the former."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from scanner.model.figures import Z

STEPS = 60  # of a bisection: beyond what a float holds


def roc(
    logits: NDArray[np.float32], labels: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """False- and true-positive rates by falling threshold, from (0, 0) to (1, 1).

    Only the corners: between two of them the curve is straight.
    """
    order = np.argsort(-logits, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(logits[order])), len(order) - 1)
    fakes = np.append(0, np.cumsum(labels[order])[ends])
    photographs = np.append(0, ends + 1) - fakes
    # Whole numbers, so that what is straight is seen to be.
    across, up = np.diff(photographs), np.diff(fakes)
    bends = across[1:] * up[:-1] != across[:-1] * up[1:]
    kept = np.concatenate(([True], bends, [True]))
    return photographs[kept] / photographs[-1], fakes[kept] / fakes[-1]


def auroc(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """How often a fake has a higher logit than a photograph; a tie counts half."""
    photographs, fakes = np.sort(logits[labels == 0]), logits[labels == 1]
    below = np.searchsorted(photographs, fakes, "left")
    not_above = np.searchsorted(photographs, fakes, "right")
    return float((below + not_above).sum() / (2 * len(photographs) * len(fakes)))


def auroc_interval(area: float, photographs: int, fakes: int) -> tuple[float, float]:
    """Its 95% interval by Newcombe 2006, "Confidence intervals for an effect size measure based on
    the Mann-Whitney statistic. Part 2", method 5.

    Unlike those from the spread of the scores, it has a width where the area is 0 or 1.
    """

    def too_far(other: float) -> bool:
        return abs(other - area) > Z * _standard_error(other, photographs, fakes)

    return _edge(too_far, area, 0.0), _edge(too_far, area, 1.0)


def _standard_error(area: float, photographs: int, fakes: int) -> float:
    pairs = (photographs + fakes) / 2 - 1
    spread = 1 + pairs * ((1 - area) / (2 - area) + area / (1 + area))
    return math.sqrt(area * (1 - area) * spread / (photographs * fakes))


def _edge(is_beyond: Callable[[float], bool], inner: float, outer: float) -> float:
    """Where between `inner` and `outer` `is_beyond` begins to be true."""
    if inner == outer:
        return outer
    for _ in range(STEPS):
        middle = (inner + outer) / 2
        inner, outer = (inner, middle) if is_beyond(middle) else (middle, outer)
    return (inner + outer) / 2
