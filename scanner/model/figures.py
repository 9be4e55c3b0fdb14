"""The figures that a model card and a validation have in common: one definition for both."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from scanner.model.card import ReliabilityBin

CALIBRATION_BINS = 15  # as in Guo et al., "On Calibration of Modern Neural Networks", 2017
CONFIDENCE = 0.95
Z = NormalDist().inv_cdf(0.5 + CONFIDENCE / 2)  # standard errors to either end of an interval


def wilson_interval(successes: int, trials: int) -> tuple[float, float]:
    """95% confidence interval of a proportion (Wilson 1927). Raises ValueError without trials."""
    if not 0 <= successes <= trials or not trials:
        raise ValueError(f"{successes} of {trials} is no proportion")
    middle = (successes + Z**2 / 2) / (trials + Z**2)
    reach = math.sqrt(successes * (trials - successes) / trials + Z**2 / 4) * Z / (trials + Z**2)
    low = middle - reach if successes else 0.0
    return low, middle + reach if successes < trials else 1.0


def sigmoid(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """Probabilities of N log-odds, without overflow."""
    return 0.5 * (1 + np.tanh(0.5 * logits.astype(np.float64)))


def expected_calibration_error(
    p_fake: NDArray[np.float64],
    labels: NDArray[np.int64],
    weights: NDArray[np.float64] | None = None,
) -> float:
    """Mean gap between confidence and accuracy over equal-width confidence bins.

    Source: Guo et al. 2017, equation 3; confidence is that of the predicted class. weights: of the
    images, where they do not all count the same.
    """
    weights = np.ones(len(labels)) if weights is None else weights
    confidence = np.maximum(p_fake, 1 - p_fake)
    correct = (p_fake >= 0.5) == (labels == 1)
    bins = np.minimum((confidence * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    gaps = np.bincount(bins, (correct - confidence) * weights, CALIBRATION_BINS)
    return float(np.abs(gaps).sum() / weights.sum())


def reliability(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> list[ReliabilityBin]:
    """The reliability diagram of N calibrated logits: equal-width bins of p_fake, none empty.

    Its shares are those of even prior odds, like p_fake, however many images each class has.
    """
    p_fake = sigmoid(logits)
    bins = np.minimum((p_fake * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    photographs, fakes = _counts(labels)
    odds = float(photographs / fakes)
    weights = _even_weights(labels)
    found = []
    for inside in (bins == number for number in np.unique(bins)):
        count, of_them = int(inside.sum()), int(labels[inside].sum())
        low, high = wilson_interval(of_them, count)
        found.append(
            ReliabilityBin(
                images=count,
                p_fake=float(np.average(p_fake[inside], weights=weights[inside])),
                share_of_fakes=_at_even_odds(of_them / count, odds),
                interval=(_at_even_odds(low, odds), _at_even_odds(high, odds)),
            )
        )
    return found


def _counts(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Of photographs and fakes; 1 where there are none."""
    return np.maximum(1, np.bincount(labels, minlength=2))


def _even_weights(labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Of N images, by which both classes weigh the same."""
    return 1 / _counts(labels)[labels]


def _at_even_odds(share: float, odds: float) -> float:
    """The share of fakes if photographs were not `odds` times as many."""
    return share * odds / (share * odds + (1 - share))


def calibration_error(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """Expected calibration error of N calibrated logits, both classes weighing the same."""
    return expected_calibration_error(sigmoid(logits), labels, _even_weights(labels))


def error_by_chance(logits: NDArray[np.float32], labels: NDArray[np.int64], draws: int) -> float:
    """What the expected calibration error of so few images comes to if p_fake holds exactly.

    The mean over labels drawn by p_fake as it is where each class has as many images as here, each
    image by itself: images of one source, which are alike, go further astray by chance.
    """
    photographs, fakes = _counts(labels)
    p_fake = sigmoid(logits + np.float32(np.log(fakes / photographs)))
    rng = np.random.default_rng(0)
    # One draw at a time: all of them would take draws times the memory of the images.
    drawn = ((rng.random(len(labels)) < p_fake).astype(np.int64) for _ in range(draws))
    return float(np.mean([calibration_error(logits, one) for one in drawn]))
