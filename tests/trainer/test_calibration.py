"""Protects: probabilities mean what they say, and thresholds keep the error rate they promise."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import norm

from scanner.model import OperatingPoint
from scanner.model.figures import (
    sigmoid,
    wilson_interval,
)
from trainer.calibration import (
    FALSE_POSITIVE_RATES,
    CalibrationError,
    fit,
    operating_points,
    unshown_rates,
)
from trainer.metrics import measure

Scored = tuple[NDArray[np.float32], NDArray[np.int64]]


def scored(count: int, seed: int, spread: float = 2.0) -> Scored:
    """Perfectly calibrated log-odds and labels drawn from them."""
    random = np.random.default_rng(seed)
    logits = random.normal(0, spread, count).astype(np.float32)
    return logits, (random.random(count) < sigmoid(logits)).astype(np.int64)


@pytest.mark.parametrize(("temperature", "bias"), [(1, 0), (2.5, -0.7), (0.2, 1.3), (400, 0.5)])
def test_recovers_a_known_temperature_and_bias(temperature: float, bias: float) -> None:
    true, labels = scored(40_000, seed=5)
    raw = ((true - bias) * temperature).astype(np.float32)
    fitted = fit(raw, labels)
    assert fitted.temperature == pytest.approx(temperature, rel=0.04)
    assert fitted.bias == pytest.approx(bias, abs=0.05)
    assert measure(fitted.apply(raw), labels).expected_calibration_error < 0.01


def test_the_ratio_of_the_classes_does_not_enter_the_likelihood_ratio() -> None:
    """Photographs score around -1, fakes around 1, spread 1: a log-likelihood ratio of 2x."""
    labels = np.repeat([0, 1], [36_000, 4_000])
    scores = np.random.default_rng(4).normal(np.where(labels == 1, 1, -1)).astype(np.float32)
    np.testing.assert_allclose(fit(scores, labels).apply(scores), 2 * scores, atol=0.3)


def test_calibration_keeps_the_order_of_logits() -> None:
    true, labels = scored(2_000, seed=6)
    raw = true * 3 + 1
    assert (np.argsort(fit(raw, labels).apply(raw)) == np.argsort(raw)).all()


def test_a_model_that_ranks_backwards_is_refused() -> None:
    true, labels = scored(2_000, seed=7)
    with pytest.raises(CalibrationError, match="do not rank fakes above photographs"):
        fit(-true, labels)


@pytest.fixture(scope="module")
def validation() -> Scored:
    return scored(20_000, seed=8)


@pytest.fixture(scope="module")
def test_split() -> Scored:
    return scored(20_000, seed=9)


@pytest.fixture(scope="module")
def points(validation: Scored, test_split: Scored) -> list[OperatingPoint]:
    return operating_points(validation, test_split)


def test_thresholds_keep_both_error_rates_on_validation(
    points: list[OperatingPoint], validation: Scored
) -> None:
    logits, labels = validation
    photographs, fakes = logits[labels == 0], logits[labels == 1]
    assert [point.false_positive_rate for point in points] == list(FALSE_POSITIVE_RATES)
    for point in points:
        rate = point.false_positive_rate
        accused = int((photographs >= point.fake_at_least).sum())
        assert wilson_interval(accused, len(photographs))[1] <= rate
        assert wilson_interval(accused + 1, len(photographs))[1] > rate, (
            "not the smallest threshold"
        )
        missed = int((fakes <= point.real_at_most).sum())
        assert wilson_interval(missed, len(fakes))[1] <= rate
        assert point.real_at_most < point.fake_at_least


def test_promised_rates_hold_on_images_never_seen() -> None:
    """A threshold with exactly the promised share on validation would break it half of the time."""
    random = np.random.default_rng(10)
    labels = np.repeat([0, 1], 5_000)
    broken = 0
    for _ in range(200):
        logits = (random.normal(size=10_000) + np.where(labels == 1, 6, -6)).astype(np.float32)
        point = operating_points((logits, labels), (logits[::50], labels[::50]))[0]
        # These classes are so far apart that the two thresholds are swapped.
        broken += norm.sf(point.real_at_most, loc=-6) > point.false_positive_rate
    assert broken / 200 <= 0.05


def test_figures_on_the_test_split_are_counted_there(
    points: list[OperatingPoint], test_split: Scored
) -> None:
    logits, labels = test_split
    for point in points:
        called_fake = logits >= point.fake_at_least
        assert point.test_false_positive_rate == called_fake[labels == 0].mean()
        assert point.test_true_positive_rate == called_fake[labels == 1].mean()
        called_real = logits <= point.real_at_most
        assert point.test_false_negative_rate == called_real[labels == 1].mean()
        unsure = ~called_fake & ~called_real
        assert point.test_inconclusive_rate == unsure.mean()
        low, high = point.test_false_positive_rate_interval
        assert low < point.test_false_positive_rate < high
        assert low < point.false_positive_rate


@pytest.mark.parametrize(
    ("counts", "unshown"),
    [
        ((3838, 3838), []),
        ((3838, 3837), [0.001]),
        ((381, 381), [0.001]),
        ((380, 9999), [0.01, 0.001]),
    ],
)
def test_a_rate_that_too_few_images_can_show_is_told(
    counts: tuple[int, int], unshown: list[float]
) -> None:
    assert unshown_rates(np.repeat([0, 1], counts)) == unshown


def test_equal_logits_never_exceed_the_rate() -> None:
    logits = np.array([2.0] * 50 + [-1.0] * 50 + [2.0] * 90 + [-1.0] * 10, np.float32)
    labels = np.array([0] * 100 + [1] * 100)
    for point in operating_points((logits, labels), (logits, labels)):
        assert point.test_false_positive_rate == 0
        assert ((logits <= point.real_at_most) & (labels == 1)).sum() == 0


def test_a_perfect_model_has_no_unsure_band_that_costs_errors() -> None:
    logits = np.concatenate([np.linspace(-9, -5, 500), np.linspace(5, 9, 500)]).astype(np.float32)
    labels = np.repeat([0, 1], 500)
    for point in operating_points((logits, labels), (logits, labels)):
        assert point.real_at_most <= point.fake_at_least
        assert point.test_false_positive_rate <= point.false_positive_rate
        assert ((logits <= point.real_at_most) & (labels == 1)).sum() == 0
