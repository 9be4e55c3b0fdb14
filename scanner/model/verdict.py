"""From a raw logit to a verdict an examiner can defend."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from scanner.model.card import Domain, ModelCard, OperatingPoint
from scanner.record import Record, Verdict


@dataclass(frozen=True)
class Judgement:
    """A verdict and the figures behind it, as in `Record`."""

    verdict: Verdict | None
    p_fake: float | None
    confidence: float | None
    llr: float | None
    reason: str | None


NO_JUDGEMENT = Judgement(None, None, None, None, None)


@dataclass(frozen=True)
class Score:
    """What a model says of one image.

    logit: raw log-odds that it is fake. ood: how far it lies from what the model was made from;
    None of a model that does not say. again: the logit by each of the card's `looks`; empty where
    it was not looked at again.
    """

    logit: float
    ood: float | None = None
    again: Mapping[str, float] = field(default_factory=dict)


def judge(score: Score, card: ModelCard, doubt: str | None = None) -> Judgement:
    """The verdict on one image that lies in the model's domain.

    doubt: why there can be no verdict, whatever the score.
    """
    if reason := _no_number(score, card) or doubt or _too_far(score, card):
        return Judgement(Verdict.INCONCLUSIVE, None, None, None, reason)
    # Calibration weighs both classes equally: prior odds of 1, so log-odds are likelihood ratios.
    calibrated, verdict = _by_logit(score.logit, card)
    p_fake = 1 / (1 + math.exp(-calibrated)) if calibrated > -700 else 0.0
    reason = _unsure(card.operating_points[0]) if verdict is Verdict.INCONCLUSIVE else None
    if verdict is Verdict.FAKE and (reason := _turned(score, card)):
        verdict = Verdict.INCONCLUSIVE
    return Judgement(
        verdict=verdict,
        p_fake=round(p_fake, 6),
        confidence=round(max(p_fake, 1 - p_fake), 6),
        llr=round(calibrated / math.log(10), 4),
        reason=reason,
    )


def judged_again(record: Record, card: ModelCard) -> Judgement:
    """What `judge` says at the card's first operating point of a row that the same model scored.

    The row may be of a scan at any point that calls no fewer pictures fake at first sight: it has
    the second looks that this takes. Why a row has no p_fake depends on no operating point. Scores
    are as the row has them, to five decimals.
    """
    if record.p_fake is None or record.logit is None:
        return Judgement(Verdict.INCONCLUSIVE, None, None, None, record.reason)
    checks = json.loads(record.checks or "{}")
    again = {look: checks[look] for look in card.looks if checks.get(look) is not None}
    # A row with a p_fake lies within the bound, from which rounding must not carry it.
    return judge(Score(record.logit, card.ood_at_most, again), card)


def wants_second_look(score: Score, card: ModelCard, doubt: str | None = None) -> bool:
    """Whether it would be called fake, which takes a second look that was not had yet."""
    if not card.looks or score.again or _no_number(score, card) or doubt or _too_far(score, card):
        return False
    return _by_logit(score.logit, card)[1] is Verdict.FAKE


def _by_logit(logit: float, card: ModelCard) -> tuple[float, Verdict]:
    """The calibrated logit, and what it alone says: as `verdicts` of many, which is slow of one."""
    calibrated, point = card.calibration.apply(np.float32(logit)), card.operating_points[0]
    if calibrated >= point.fake_at_least:
        return float(calibrated), Verdict.FAKE
    real = calibrated <= point.real_at_most
    return float(calibrated), Verdict.REAL if real else Verdict.INCONCLUSIVE


def _turned(score: Score, card: ModelCard) -> str | None:
    """Why it is not called fake after all, if so."""
    for look in card.looks:
        logit = score.again.get(look)
        if logit is None or not math.isfinite(logit):
            return f"called fake as it is, but it could not be judged once {look}"
        if _by_logit(logit, card)[1] is not Verdict.FAKE:
            return f"called fake as it is, but no longer once {look}"
    return None


def _no_number(score: Score, card: ModelCard) -> str | None:
    figures = (score.logit,) if card.ood_at_most is None else (score.logit, score.ood)
    sound = all(figure is not None and math.isfinite(figure) for figure in figures)
    return None if sound else "the model returned no number"


def _too_far(score: Score, card: ModelCard) -> str | None:
    if score.ood is None or card.ood_at_most is None or score.ood <= card.ood_at_most:
        return None
    return (
        "the image is unlike the photographs that the model knows: it may be a drawing, a "
        "painting, a rendering, a document or a screenshot"
    )


def _unsure(point: OperatingPoint) -> str:
    accusing, clearing = point.false_positive_rate, point.false_negative_rate
    if clearing is None:
        return f"too close to call at an error rate of {accusing:.1%} either way"
    return (
        f"too close to call at error rates of {accusing:.1%} for photographs called fake and "
        f"{clearing:.1%} for fakes called real"
    )


class Thresholds(Protocol):
    """On the calibrated logit, as `OperatingPoint` has them."""

    @property
    def fake_at_least(self) -> float: ...
    @property
    def real_at_most(self) -> float: ...


def verdicts(calibrated: NDArray[np.float32], point: Thresholds) -> NDArray[np.str_]:
    """Verdicts, as text, of N calibrated logits that lie inside the model's domain."""
    return np.select(
        [calibrated >= point.fake_at_least, calibrated <= point.real_at_most],
        [Verdict.FAKE.value, Verdict.REAL.value],
        Verdict.INCONCLUSIVE.value,
    )


def near_thresholds(
    calibrated: NDArray[np.float32], point: Thresholds, margin: float
) -> NDArray[np.bool_]:
    """Which of N calibrated logits lie within `margin` of a threshold, or are no numbers."""
    fake, real = point.fake_at_least, point.real_at_most
    apart = np.minimum(np.abs(calibrated - fake), np.abs(calibrated - real))
    return ~((apart > margin) & np.isfinite(calibrated))


def outside(size: tuple[int, int], domains: Sequence[Domain]) -> Judgement:
    """What is said of an image that no model is shown, since no domain holds its size.

    size: stored width and height in pixels.
    """
    whose = "the model's domain" if len(domains) == 1 else "the domain of every model"
    told = ", or ".join(map(_in_words, domains))
    reason = f"{size[0]}x{size[1]} pixels is outside {whose} ({told})"
    return Judgement(Verdict.INCONCLUSIVE, None, None, None, reason)


def _in_words(domain: Domain) -> str:
    low, high = domain.min_side, domain.max_side
    sides = f"{low}" if low == high else f"{low} to {high}"
    return f"{domain.description}; sides of {sides} pixels"
