"""Protects: a verdict is given only inside the domain and beyond a threshold, with true figures."""

from __future__ import annotations

import json
import math
from dataclasses import fields, replace

import numpy as np
import pytest

from scanner.looks import LOOKS
from scanner.model import Calibration, Domain, ModelCard
from scanner.model.verdict import Score, judge, judged_again, outside, verdicts
from scanner.record import Record, Status, Verdict


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
    assert judge(Score(logit), card).verdict is verdict


def test_figures_agree_with_each_other(card: ModelCard) -> None:
    judgement = judge(Score(math.log(3)), card)
    assert judgement.p_fake == pytest.approx(0.75, abs=1e-6)
    assert judgement.confidence == pytest.approx(0.75, abs=1e-6)
    assert judgement.llr == pytest.approx(math.log10(3), abs=1e-4)
    opposite = judge(Score(-math.log(3)), card)
    assert opposite.p_fake == pytest.approx(0.25, abs=1e-6)
    assert opposite.confidence == pytest.approx(0.75, abs=1e-6)
    assert opposite.llr == pytest.approx(-math.log10(3), abs=1e-4)


def test_calibration_comes_before_the_thresholds(card: ModelCard) -> None:
    calibrated = replace(card, calibration=Calibration(temperature=2.0, bias=0.5))
    assert judge(Score(3.0), calibrated).verdict is Verdict.FAKE
    assert judge(Score(2.9), calibrated).verdict is Verdict.INCONCLUSIVE
    even = judge(Score(-1.0), calibrated)
    assert (even.p_fake, even.llr) == (0.5, 0.0)


def test_inconclusive_says_why(card: ModelCard) -> None:
    reason = judge(Score(0.0), card).reason
    assert reason == "too close to call at an error rate of 1.0% either way"
    assert judge(Score(5.0), card).reason is None


def test_outside_every_domain_there_are_no_figures() -> None:
    small, large = Domain("small squares", 32, 32), Domain("photographs", 224, 9000)
    judgement = outside((640, 48), [small])
    assert judgement.verdict is Verdict.INCONCLUSIVE
    assert (judgement.p_fake, judgement.confidence, judgement.llr) == (None, None, None)
    assert judgement.reason == (
        "640x48 pixels is outside the model's domain (small squares; sides of 32 pixels)"
    )
    assert outside((640, 48), [small, large]).reason == (
        "640x48 pixels is outside the domain of every model (small squares; sides of 32 pixels, or "
        "photographs; sides of 224 to 9000 pixels)"
    )


@pytest.mark.parametrize("logit", [math.nan, math.inf, -math.inf])
def test_no_number_is_no_verdict(logit: float, card: ModelCard) -> None:
    judgement = judge(Score(logit), card)
    assert judgement.verdict is Verdict.INCONCLUSIVE
    assert judgement.p_fake is None
    assert judgement.reason == "the model returned no number"


@pytest.mark.parametrize("logit", [9.0, 0.0, -9.0])
def test_what_is_unlike_all_that_the_model_was_made_from_has_no_verdict(
    logit: float, card: ModelCard
) -> None:
    """Whatever its logit: of such images it says nothing."""
    measuring = replace(card, ood_at_most=1.5)
    assert judge(Score(logit, 1.5), measuring) == judge(Score(logit), card)
    judgement = judge(Score(logit, 1.51), measuring)
    assert judgement.verdict is Verdict.INCONCLUSIVE
    assert (judgement.p_fake, judgement.confidence, judgement.llr) == (None, None, None)
    assert (judgement.reason or "").startswith("the image is unlike the photographs that the model")


@pytest.mark.parametrize("ood", [math.nan, math.inf, None])
def test_no_distance_is_no_verdict(ood: float | None, card: ModelCard) -> None:
    judgement = judge(Score(5.0, ood), replace(card, ood_at_most=1.5))
    assert judgement.verdict is Verdict.INCONCLUSIVE
    assert judgement.reason == "the model returned no number"


@pytest.mark.parametrize(("logit", "p_fake"), [(1e30, 1.0), (-1e30, 0.0), (800.0, 1.0)])
def test_extreme_logits_stay_probabilities(logit: float, p_fake: float, card: ModelCard) -> None:
    judgement = judge(Score(logit), card)
    assert judgement.p_fake == p_fake
    assert judgement.confidence == 1.0


def test_many_at_once_are_judged_like_one(card: ModelCard) -> None:
    """Also at thresholds that float32 cannot hold, and next to them."""
    card = replace(card, calibration=Calibration(0.7, 0.1))
    point = replace(card.operating_points[0], fake_at_least=1.1, real_at_most=-0.3)
    card = replace(card, operating_points=(point,))
    near = [np.float32((it - 0.1) * 0.7) for it in (1.1, -0.3)]
    around = [np.nextafter(it, it + step) for it in near for step in (-1, 0, 1)]
    logits = np.concatenate([np.linspace(-4, 4, 81), around]).astype(np.float32)
    together = verdicts(card.calibration.apply(logits), point).tolist()
    assert together == [judge(Score(float(logit)), card).verdict for logit in logits]
    assert set(together) == set(Verdict)


def test_error_rates_that_differ_are_both_told(card: ModelCard) -> None:
    point = replace(card.operating_points[0], false_negative_rate=0.02)
    reason = judge(Score(0.0), replace(card, operating_points=(point,))).reason
    assert reason is not None
    assert "1.0% for photographs called fake and 2.0% for fakes called real" in reason


def row(**columns: object) -> Record:
    """A scored row that says nothing but what is given."""
    nothing = dict.fromkeys(field.name for field in fields(Record))
    return Record(**nothing | {"path": "a", "position": 0, "status": Status.SCORED} | columns)  # type: ignore[arg-type]


def test_a_row_is_judged_as_its_score_was(card: ModelCard) -> None:
    """From the figures that reports have, which are rounded: 1.5 may have been a little less."""
    strict = replace(card, looks=tuple(LOOKS), ood_at_most=1.499999)
    first, second = LOOKS
    held = {"ood": 1.5, first: 2.5, second: 3.0, "detail": 0.7}
    for checks, verdict in (
        (held, Verdict.FAKE),
        (held | {second: 1.9}, Verdict.INCONCLUSIVE),
        (held | {second: None}, Verdict.INCONCLUSIVE),  # it was no number
        ({"ood": 1.5, first: 2.5}, Verdict.INCONCLUSIVE),
    ):
        found = judged_again(row(logit=5.0, p_fake=0.99, checks=json.dumps(checks)), strict)
        score = Score(5.0, 1.4, {look: it for look, it in checks.items() if look in LOOKS and it})
        assert found == judge(score, strict)
        assert found.verdict is verdict


def test_a_row_that_had_a_doubt_keeps_it(card: ModelCard) -> None:
    found = judged_again(row(logit=5.0, reason="too narrow"), card)
    assert (found.verdict, found.p_fake, found.reason) == (
        Verdict.INCONCLUSIVE, None, "too narrow",
    )  # fmt: skip
    assert found == judge(Score(5.0), card, "too narrow")
