"""Protects: a verdict is given only inside the domain and beyond a threshold, with true figures."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from scanner.model import Calibration, Domain, ModelCard
from scanner.model.verdict import judge, verdicts
from scanner.record import Verdict

INSIDE = (32, 32)


@pytest.mark.parametrize(
    ("logit", "verdict"),
    [
        (9.0, Verdict.FAKE),
        (2.0, Verdict.FAKE),
        (1.999, Verdict.INCONCLUSIVE),
        (0.0, Verdict.INCONCLUSIVE),
        (-1.999, Verdict.INCONCLUSIVE),
        (-2.0, Verdict.REAL),
        (-9.0, Verdict.REAL),
    ],
)
def test_thresholds_belong_to_their_verdict(
    logit: float, verdict: Verdict, card: ModelCard
) -> None:
    assert judge(logit, INSIDE, card).verdict is verdict


def test_figures_agree_with_each_other(card: ModelCard) -> None:
    judgement = judge(math.log(3), INSIDE, card)
    assert judgement.p_fake == pytest.approx(0.75, abs=1e-6)
    assert judgement.confidence == pytest.approx(0.75, abs=1e-6)
    assert judgement.llr == pytest.approx(math.log10(3), abs=1e-4)
    opposite = judge(-math.log(3), INSIDE, card)
    assert opposite.p_fake == pytest.approx(0.25, abs=1e-6)
    assert opposite.confidence == pytest.approx(0.75, abs=1e-6)
    assert opposite.llr == pytest.approx(-math.log10(3), abs=1e-4)


def test_calibration_comes_before_the_thresholds(card: ModelCard) -> None:
    calibrated = replace(card, calibration=Calibration(temperature=2.0, bias=0.5))
    assert judge(3.0, INSIDE, calibrated).verdict is Verdict.FAKE
    assert judge(2.9, INSIDE, calibrated).verdict is Verdict.INCONCLUSIVE
    even = judge(-1.0, INSIDE, calibrated)
    assert (even.p_fake, even.llr) == (0.5, 0.0)


def test_inconclusive_says_why(card: ModelCard) -> None:
    reason = judge(0.0, INSIDE, card).reason
    assert reason == "too close to call at an error rate of 1.0% either way"
    assert judge(5.0, INSIDE, card).reason is None


@pytest.mark.parametrize("size", [(31, 32), (32, 33), (640, 480), (1, 1)])
def test_outside_the_domain_there_are_no_figures(size: tuple[int, int], card: ModelCard) -> None:
    judgement = judge(9.0, size, card)
    assert judgement.verdict is Verdict.INCONCLUSIVE
    assert (judgement.p_fake, judgement.confidence, judgement.llr) == (None, None, None)
    assert judgement.reason is not None
    assert f"{size[0]}x{size[1]} pixels is outside" in judgement.reason
    assert "sides of 32 pixels" in judgement.reason


def test_the_domains_ends_belong_to_it(card: ModelCard) -> None:
    wide = replace(card, domain=Domain("squares", 20, 40))
    for size in ((20, 40), (40, 20), (30, 30)):
        assert judge(9.0, size, wide).verdict is Verdict.FAKE
    reason = judge(9.0, (19, 30), wide).reason
    assert reason is not None
    assert "sides of 20 to 40 pixels" in reason


@pytest.mark.parametrize("logit", [math.nan, math.inf, -math.inf])
def test_no_number_is_no_verdict(logit: float, card: ModelCard) -> None:
    judgement = judge(logit, INSIDE, card)
    assert judgement.verdict is Verdict.INCONCLUSIVE
    assert judgement.p_fake is None
    assert judgement.reason == "the model returned no number"


@pytest.mark.parametrize(("logit", "p_fake"), [(1e30, 1.0), (-1e30, 0.0), (800.0, 1.0)])
def test_extreme_logits_stay_probabilities(logit: float, p_fake: float, card: ModelCard) -> None:
    judgement = judge(logit, INSIDE, card)
    assert judgement.p_fake == p_fake
    assert judgement.confidence == 1.0


def test_many_at_once_are_judged_like_one(card: ModelCard) -> None:
    logits = np.linspace(-4, 4, 81, dtype=np.float32)
    together = verdicts(logits, card.operating_points[0]).tolist()
    assert together == [judge(float(logit), INSIDE, card).verdict for logit in logits]
