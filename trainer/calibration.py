"""From raw logits to calibrated ones, and the thresholds a verdict needs."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from scanner.errors import ImgscanError
from scanner.model import Calibration, OperatingPoint
from scanner.model.figures import wilson_interval

FALSE_POSITIVE_RATES = (0.01, 0.001)


class CalibrationError(ImgscanError):
    """The logits cannot be calibrated; the sentence says why."""


@dataclass(frozen=True)
class Thresholds:
    """On the calibrated logit: where fake begins and where real ends."""

    fake_at_least: float
    real_at_most: float


def fit(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> Calibration:
    """Temperature and bias that minimise the log loss of N held-out logits.

    Both classes weigh the same, however many images each has: the calibrated logits are those of
    even prior odds. Raises CalibrationError when higher logits do not go with fakes.
    """
    from sklearn.linear_model import LogisticRegression

    scale = float(np.abs(logits).mean()) or 1.0  # lets the solver start near its optimum
    model = LogisticRegression(C=1e9, class_weight="balanced")
    model.fit(logits[:, None] / scale, labels)
    slope = float(model.coef_[0, 0]) / scale
    if slope <= 0:
        raise CalibrationError(
            "the model's logits do not rank fakes above photographs, so there is nothing to "
            "calibrate; train longer, or check the labels."
        )
    return Calibration(temperature=1 / slope, bias=float(model.intercept_[0]))


def operating_points(
    validation: tuple[NDArray[np.float32], NDArray[np.int64]],
    test: tuple[NDArray[np.float32], NDArray[np.int64]],
) -> list[OperatingPoint]:
    """Operating points for FALSE_POSITIVE_RATES, from calibrated logits and labels."""
    return [_operating_point(rate, *validation, *test) for rate in FALSE_POSITIVE_RATES]


def unshown_rates(labels: NDArray[np.int64]) -> list[float]:
    """The FALSE_POSITIVE_RATES that these validation images are too few to show.

    Not even a class without a single mistake has an interval that ends below them.
    """
    fewest = int(np.bincount(labels, minlength=2).min())
    return [rate for rate in FALSE_POSITIVE_RATES if wilson_interval(0, fewest)[1] > rate]


def _operating_point(
    rate: float,
    logits: NDArray[np.float32],
    labels: NDArray[np.int64],
    test_logits: NDArray[np.float32],
    test_labels: NDArray[np.int64],
) -> OperatingPoint:
    at = thresholds(logits, labels, rate, rate)
    fake_at_least, real_at_most = at.fake_at_least, at.real_at_most
    photographs, fakes = test_logits[test_labels == 0], test_logits[test_labels == 1]
    false_positives = int((photographs >= fake_at_least).sum())
    true_positives = int((fakes >= fake_at_least).sum())
    false_negatives = int((fakes <= real_at_most).sum())
    between = (test_logits < fake_at_least) & (test_logits > real_at_most)
    return OperatingPoint(
        false_positive_rate=rate,
        fake_at_least=fake_at_least,
        real_at_most=real_at_most,
        test_false_positive_rate=false_positives / len(photographs),
        test_false_positive_rate_interval=wilson_interval(false_positives, len(photographs)),
        test_true_positive_rate=true_positives / len(fakes),
        test_true_positive_rate_interval=wilson_interval(true_positives, len(fakes)),
        test_false_negative_rate=false_negatives / len(fakes),
        test_false_negative_rate_interval=wilson_interval(false_negatives, len(fakes)),
        test_inconclusive_rate=float(between.mean()),
    )


def thresholds(
    logits: NDArray[np.float32], labels: NDArray[np.int64], accused: float, missed: float
) -> Thresholds:
    """For two error rates, from N calibrated logits and labels.

    accused: of photographs called fake. missed: of fakes called real.
    """
    fake_at_least = upper_threshold(logits[labels == 0], accused)
    real_at_most = -upper_threshold(-logits[labels == 1], missed)
    # A model good enough for the two to cross has no band to be unsure in.
    return Thresholds(max(fake_at_least, real_at_most), min(fake_at_least, real_at_most))


def upper_threshold(scores: NDArray[np.float32], rate: float) -> float:
    """Smallest threshold that shows the share of scores at or above it to be at most `rate`.

    Shown is what the 95% interval of that share ends below. Where there are too few scores to show
    it, none lies at or above the threshold.
    """
    ordered = np.sort(scores)[::-1]
    counts = range(1, int(rate * len(ordered)) + 1)
    allowed = bisect_right(counts, rate, key=lambda count: wilson_interval(count, len(ordered))[1])
    return float(np.nextafter(ordered[allowed], np.float32(np.inf)))


@cache
def fewest(rate: float) -> int:
    """The smallest number of images that can show a rate: with not one mistake among them."""
    count = 1
    while wilson_interval(0, count)[1] > rate:
        count += 1
    return count
