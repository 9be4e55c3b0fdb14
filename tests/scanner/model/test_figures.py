"""Protects: the figures of cards and validations are what their definitions say."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from scipy.stats import binomtest

from scanner.model.figures import (
    calibration_error,
    error_by_chance,
    expected_calibration_error,
    reliability,
    wilson_interval,
)


@pytest.mark.parametrize(("successes", "trials"), [(0, 10), (1, 10), (50, 100), (100, 100)])
def test_wilson_interval_equals_the_formula(successes: int, trials: int) -> None:
    share, z = successes / trials, 1.959963984540054
    centre = (share + z**2 / (2 * trials)) / (1 + z**2 / trials)
    spread = np.sqrt(share * (1 - share) / trials + z**2 / (4 * trials**2))
    half = z * spread / (1 + z**2 / trials)
    expected = (centre - half, centre + half)
    assert wilson_interval(successes, trials) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("successes", "trials"), [(0, 1), (0, 50), (3, 7), (87, 10**4), (9, 9)])
def test_wilson_interval_is_that_of_scipy(successes: int, trials: int) -> None:
    expected = binomtest(successes, trials).proportion_ci(0.95, "wilson")
    assert wilson_interval(successes, trials) == pytest.approx(tuple(expected), abs=1e-12)


def test_nothing_has_no_interval() -> None:
    with pytest.raises(ValueError, match="no proportion"):
        wilson_interval(0, 0)


def test_reliability_counts_the_fakes_among_alike_scores() -> None:
    labels = np.array([0, 0, 0, 1, 1, 1])
    low, high = reliability(np.array([-9, -9, -9, -9, 9, 9], np.float32), labels)
    assert (low.images, low.share_of_fakes) == (4, 0.25)
    assert low.interval[0] < 0.25 < low.interval[1]
    assert low.p_fake == pytest.approx(1 / (1 + np.exp(9)))
    assert (high.images, high.share_of_fakes) == (2, 1.0)


def test_reliability_is_that_of_classes_equal_in_number() -> None:
    """Where there are more photographs, more of them have any p_fake."""
    logits = np.repeat(np.array([0, -2, 2], np.float32), [40, 26, 2])
    labels = np.repeat([1, 0, 0, 1], [10, 30, 26, 2])
    low, middle, high = reliability(logits, labels)
    odds = 56 / 12  # of photographs to fakes
    assert middle.share_of_fakes == pytest.approx(0.25 * odds / (0.25 * odds + 0.75))
    assert middle.interval[0] < middle.share_of_fakes < middle.interval[1] < 1
    assert (low.share_of_fakes, high.share_of_fakes) == (0.0, 1.0)
    assert type(middle.share_of_fakes) is float, "a checkpoint holds no NumPy numbers"


def test_calibration_error_is_that_of_classes_equal_in_number() -> None:
    """Probabilities that hold for equal numbers are not in error where one class is rarer."""
    random = np.random.default_rng(0)
    labels = np.repeat([0, 1], [30_000, 3_000])
    logits = np.concatenate([random.normal(-2, 2, 30_000), random.normal(2, 2, 3_000)])
    held = calibration_error(logits.astype(np.float32), labels)
    assert held < 0.01
    assert calibration_error((logits + 1).astype(np.float32), labels) > 0.03
    assert calibration_error(logits.astype(np.float32), 1 - labels) > 0.5


def test_the_error_by_chance_is_what_true_probabilities_give() -> None:
    random = np.random.default_rng(0)
    found = []
    for _ in range(20):
        logits = np.concatenate([random.normal(-2, 2, 300), random.normal(2, 2, 100)])
        found.append(calibration_error(logits.astype(np.float32), np.repeat([0, 1], [300, 100])))
    said = error_by_chance(logits.astype(np.float32), np.repeat([0, 1], [300, 100]), 200)
    assert said == pytest.approx(np.mean(found), rel=0.3)
    many = error_by_chance(
        np.repeat(logits, 20).astype(np.float32), np.repeat([0, 1], [6000, 2000]), 20
    )
    assert many < said / 2


def test_the_error_by_chance_takes_no_more_memory_for_more_draws() -> None:
    """A hundred thousand pictures, drawn two hundred times, would be hundreds of megabytes."""
    logits, labels = np.zeros(2000, np.float32), np.repeat([0, 1], 1000)
    tracemalloc.start()
    error_by_chance(logits, labels, 200)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 200 * 2000


def test_calibration_error_equals_one_computed_by_hand() -> None:
    # Of fifteen bins, [0.8, 0.867) holds confidences 0.85 and 0.81, one of two right: the gap is
    # |0.5 - 0.83|. [0.6, 0.667) holds 0.65, wrong: 0.65. [0.933, 1] holds 1.0, right: 0.
    p_fake = np.array([0.85, 0.19, 0.65, 1.0])
    labels = np.array([1, 1, 0, 1])
    expected = (2 * abs(0.5 - 0.83) + 0.65 + 0) / 4
    assert expected_calibration_error(p_fake, labels) == pytest.approx(expected)


@pytest.mark.parametrize("photographs", range(1, 40))
def test_a_bin_of_one_class_is_all_of_it(photographs: int) -> None:
    """And not 99.99999999999998% of it, which is how rounding reads in a report."""
    logits = np.array([-9.0] * photographs + [9.0] * 7, np.float32)
    labels = np.array([0] * photographs + [1] * 7)
    low, high = reliability(logits, labels)
    assert (low.share_of_fakes, low.interval[0]) == (0, 0)
    assert (high.share_of_fakes, high.interval[1]) == (1, 1)
