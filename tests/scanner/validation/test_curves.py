"""Protects: curves and areas are those that scikit-learn finds, and intervals hold."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics

from scanner.validation.curves import auroc, auroc_interval, roc


@pytest.mark.parametrize("decimals", [0, 1, 6])
@pytest.mark.parametrize(("photographs", "fakes"), [(1, 1), (3, 200), (500, 400)])
def test_area_and_curve_are_those_of_scikit_learn(
    photographs: int, fakes: int, decimals: int
) -> None:
    """With many ties, some, and none."""
    random = np.random.default_rng(photographs + decimals)
    labels = np.repeat([0, 1], [photographs, fakes]).astype(np.int64)
    logits = np.round(random.normal(labels * 1.5, 1), decimals).astype(np.float32)
    assert auroc(logits, labels) == pytest.approx(metrics.roc_auc_score(labels, logits))
    across, up = roc(logits, labels)
    expected = metrics.roc_curve(labels, logits, drop_intermediate=False)
    assert (across[0], up[0], across[-1], up[-1]) == (0, 0, 1, 1)
    assert metrics.auc(across, up) == pytest.approx(metrics.auc(*expected[:2]))
    whole = set(zip(*map(tuple, expected[:2]), strict=True))
    assert set(zip(across.tolist(), up.tolist(), strict=True)) <= whole
    assert len(across) <= len(expected[0])


def test_the_interval_of_an_area_has_a_width_at_its_ends_too() -> None:
    low, high = auroc_interval(1.0, 20, 20)
    assert 0.75 < low < 0.97
    assert high == 1
    assert auroc_interval(0.0, 20, 20) == pytest.approx((0, 1 - low))


def test_the_interval_of_an_area_holds_as_often_as_it_says() -> None:
    """On classes whose true area is known: of two normal distributions."""
    from scipy.stats import norm

    random = np.random.default_rng(1)
    for apart, count in ((0.5, 40), (1.5, 60), (3.0, 80)):
        truth = norm.cdf(apart / np.sqrt(2))
        labels = np.repeat([0, 1], [count, count]).astype(np.int64)
        held = 0
        for _ in range(400):
            logits = random.normal(labels * apart, 1).astype(np.float32)
            low, high = auroc_interval(auroc(logits, labels), count, count)
            held += low <= truth <= high
        assert 0.92 <= held / 400 <= 0.99, apart
