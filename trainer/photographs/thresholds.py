"""Thresholds that hold for strangers' cameras, and the verdicts that they give.

A picture is called fake where it is so at first sight and at every second look, real at first
sight; nothing is said of one that is doubtful.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from scanner.model import Calibration
from scanner.record import Verdict
from trainer.calibration import CalibrationError, Thresholds, fewest, upper_threshold
from trainer.calibration import fit as fit_calibration
from trainer.data.examples import LABELS
from trainer.photographs.strangers import Scored

# Why a verdict is inconclusive, besides the names of scanner.quality.DOUBTS: it looks like no
# photograph; it was called fake at first sight alone; its score lies between the thresholds.
DOMAIN, TURNED, UNSURE = "domain", "turned", "unsure"


@dataclass(frozen=True)
class Measured(Scored):
    """With all that their verdicts depend on.

    least: the lowest of the logits at first sight and at the second looks; where there was none,
    since it could not have been called fake anyway, that at first sight. ood: how far each is from
    a photograph. doubts: why an image gets no verdict, whatever its logits: DOMAIN, or a name of
    scanner.quality.DOUBTS; else empty.
    """

    least: NDArray[np.float32]
    ood: NDArray[np.float32]
    doubts: NDArray[np.str_]

    @property
    def doubtful(self) -> NDArray[np.bool_]:
        return self.doubts != ""

    @property
    def accusing(self) -> NDArray[np.float32]:
        """The threshold from which on each image is not called fake."""
        return np.where(self.doubtful, np.float32(-np.inf), self.least)

    @property
    def clearing(self) -> NDArray[np.float32]:
        """The threshold from which on each image is called real."""
        return np.where(self.doubtful, np.float32(np.inf), self.logits)

    def reasons(self, said: NDArray[np.str_], fake_at_least: float) -> NDArray[np.str_]:
        """Why each verdict is inconclusive: a doubt, TURNED or UNSURE; empty where it is not."""
        turned = self.logits >= fake_at_least
        undecided = np.where(self.doubtful, self.doubts, np.where(turned, TURNED, UNSURE))
        return np.where(said == Verdict.INCONCLUSIVE, undecided, "")

    def verdicts(self, at: Thresholds) -> NDArray[np.str_]:
        """As text."""
        return np.select(
            [self.accusing >= at.fake_at_least, self.clearing <= at.real_at_most],
            [Verdict.FAKE.value, Verdict.REAL.value],
            Verdict.INCONCLUSIVE.value,
        )


@dataclass(frozen=True)
class Rates:
    """Of errors, that thresholds are set for.

    accused: of all photographs, the share called fake. of_a_source: the same of each source that
    has photographs enough to show it, and of all smaller ones together; None where that may be
    anything. missed: of all fakes, the share called real.
    """

    accused: float
    of_a_source: float | None
    missed: float


@dataclass(frozen=True)
class Strangers:
    """What the pooled scores of left-out sources give.

    scored: by tier, with calibrated logits. calibration: of the raw ones. thresholds: on calibrated
    ones. verdicts: of each image of a tier, by thresholds that its own group had no part in; and
    reasons, why they are inconclusive, as `Measured` has them. What is doubtful was so before.
    """

    scored: Mapping[str, Measured]
    calibration: Calibration
    thresholds: Thresholds
    verdicts: Mapping[str, NDArray[np.str_]]
    reasons: Mapping[str, NDArray[np.str_]]


def judge_strangers(
    scored: Mapping[str, Measured], tier: str, rates: Rates, floor: float
) -> Strangers:
    """Calibrate on one tier's raw logits, and set thresholds that hold over all tiers.

    Each source's rate is that of its images in `tier`. floor: the raw logit from which on images
    had second looks; nothing below it is called fake. Raises CalibrationError.
    """
    judged = ~scored[tier].doubtful
    if len(set(scored[tier].labels[judged].tolist())) < len(LABELS):
        raise CalibrationError(
            "too few images are left that may have a verdict: of one class, or of both, all are "
            "doubtful; add others, or loosen the bounds on quality."
        )
    fitted = fit_calibration(scored[tier].logits[judged], scored[tier].labels[judged])
    scored = {
        name: replace(found, logits=fitted.apply(found.logits), least=fitted.apply(found.least))
        for name, found in scored.items()
    }
    lowest = float(fitted.apply(np.array([floor], np.float32))[0])
    said = {name: np.full(len(found.logits), "", "U12") for name, found in scored.items()}
    why = {name: np.full(len(found.logits), "", "U12") for name, found in scored.items()}
    for group in set(scored[tier].groups):
        at = _set(scored, tier, rates, lowest, without=group)
        for name, found in scored.items():
            mine = found.groups == group
            all_said = found.verdicts(at)
            said[name][mine] = all_said[mine]
            why[name][mine] = found.reasons(all_said, at.fake_at_least)[mine]
    return Strangers(scored, fitted, _set(scored, tier, rates, lowest), said, why)


def _set(
    scored: Mapping[str, Measured], tier: str, rates: Rates, lowest: float, without: str = ""
) -> Thresholds:
    """Thresholds by the images of all groups but one. lowest: what the upper one may be."""
    kept = [(found, found.groups != without) for found in scored.values()]
    accusing = np.concatenate([it.accusing[use & (it.labels == 0)] for it, use in kept])
    clearing = np.concatenate([it.clearing[use & (it.labels == 1)] for it, use in kept])
    known, use = scored[tier], (scored[tier].groups != without) & (scored[tier].labels == 0)
    fake_at_least = max(lowest, upper_threshold(accusing, rates.accused))
    if (rate := rates.of_a_source) is not None:
        of_sources = [known.accusing[mine] for mine in _by_source(known, use, fewest(rate))]
        fake_at_least = max([fake_at_least, *(upper_threshold(it, rate) for it in of_sources)])
    real_at_most = -upper_threshold(-clearing, rates.missed)
    # Heads good enough for the two to cross leave no band to be unsure in.
    return Thresholds(max(fake_at_least, real_at_most), min(fake_at_least, real_at_most))


def _by_source(scored: Scored, use: NDArray[np.bool_], least: int) -> Iterator[NDArray[np.bool_]]:
    """Of the images in use, those of each source of `least` or more, and all the others' together.

    The others together say nothing where they, too, are fewer.
    """
    sources = np.array([photograph.source for photograph in scored.photographs])
    counts = Counter(sources[use].tolist())
    large = [source for source, count in counts.items() if count >= least]
    yield from (use & (sources == source) for source in large)
    small = use & ~np.isin(sources, large)
    if small.sum() >= least:
        yield small
