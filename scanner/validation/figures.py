"""The figures of one model on labelled pictures, by the definitions of its card."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scanner.model.card import ModelCard, OperatingPoint, ReliabilityBin
from scanner.model.figures import (
    calibration_error,
    error_by_chance,
    reliability,
    wilson_interval,
)
from scanner.record import Verdict
from scanner.validation.curves import auroc, auroc_interval, roc
from scanner.validation.labels import CLASSES, FAKE, REAL
from scanner.validation.pictures import Picture, points, scored, scores

DRAWS = 200  # to tell a calibration error from chance


@dataclass(frozen=True)
class Share:
    """`count` of `of`, with the 95% interval (Wilson) of the share."""

    count: int
    of: int
    share: float
    low: float
    high: float


def share(count: int, of: int) -> Share | None:
    """None of nothing."""
    return Share(count, of, count / of, *wilson_interval(count, of)) if of else None


@dataclass(frozen=True)
class Verdicts:
    """What became of the pictures of a class."""

    fake: Share
    real: Share
    inconclusive: Share


def verdicts(pictures: Sequence[Picture], label: int, point: int) -> Verdicts | None:
    """At the operating point of that place in the card. None of a class without pictures."""
    said = Counter(it.verdicts[point] for it in pictures if it.label == label)
    total = said.total()
    if not total:
        return None
    shares = (
        Share(said[it], total, said[it] / total, *wilson_interval(said[it], total))
        for it in (Verdict.FAKE, Verdict.REAL, Verdict.INCONCLUSIVE)
    )
    return Verdicts(*shares)


@dataclass(frozen=True)
class Point:
    """How the model fares at one of its operating points; `card` is what its card says of that.

    inconclusive: of both classes together.
    """

    false_positive_rate: float
    false_negative_rate: float
    photographs: Verdicts | None
    fakes: Verdicts | None
    inconclusive: float
    card: OperatingPoint


@dataclass(frozen=True)
class Group:
    """A sub-folder's pictures of one class, at each operating point."""

    group: str
    label: int
    pictures: int
    points: tuple[Verdicts, ...]


@dataclass(frozen=True)
class Halves:
    """What comes of calling everything fake whose p_fake is at least 0.5, as F1 does."""

    f1: float
    precision: float
    recall: float
    accuracy: float


@dataclass(frozen=True)
class Scores:
    """What the scores are worth, of the pictures that may have a verdict, both classes present.

    expected_calibration_error: both classes weighing the same. error_by_chance: what it would come
    to on so few pictures if every p_fake held exactly. roc: false- and true-positive rates.
    """

    photographs: int
    fakes: int
    auroc: float
    auroc_interval: tuple[float, float]
    at_half: Halves
    expected_calibration_error: float
    error_by_chance: float
    reliability: tuple[ReliabilityBin, ...]
    roc: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Figures:
    """photographs and fakes: that the model judged. reasons: why there can be no verdict whatever
    the operating point, of each class. scores: None where a class has none.
    """

    photographs: int
    fakes: int
    points: tuple[Point, ...]
    groups: tuple[Group, ...]
    reasons: tuple[dict[str, int], dict[str, int]]
    scores: Scores | None


def figures(pictures: Sequence[Picture], card: ModelCard) -> Figures:
    """Of the pictures that the model judged."""
    counts = Counter(it.label for it in pictures)
    bare = [it for it in pictures if it.p_fake is None]
    photographs, fakes = (
        dict(sorted(Counter(it.reason or "" for it in bare if it.label == label).items()))
        for label in CLASSES
    )
    return Figures(
        counts[REAL],
        counts[FAKE],
        tuple(_points(pictures, card)),
        tuple(_groups(pictures, len(card.operating_points))),
        (photographs, fakes),
        _scores(pictures, card),
    )


def _points(pictures: Sequence[Picture], card: ModelCard) -> Iterator[Point]:
    for place, at in enumerate(points(card)):
        point = at.operating_points[0]
        missed = point.false_negative_rate
        unsure = sum(it.verdicts[place] is Verdict.INCONCLUSIVE for it in pictures)
        yield Point(
            point.false_positive_rate,
            point.false_positive_rate if missed is None else missed,
            verdicts(pictures, REAL, place),
            verdicts(pictures, FAKE, place),
            unsure / max(1, len(pictures)),
            point,
        )


def _groups(pictures: Sequence[Picture], count: int) -> Iterator[Group]:
    by_group: dict[tuple[str, int], list[Picture]] = {}
    for picture in pictures:
        by_group.setdefault((picture.group, picture.label), []).append(picture)
    for (group, label), found in sorted(by_group.items()):
        said = (verdicts(found, label, place) for place in range(count))
        yield Group(group, label, len(found), tuple(filter(None, said)))


def _scores(pictures: Sequence[Picture], card: ModelCard) -> Scores | None:
    logits, labels = scores(scored(pictures), card)
    fakes = int(labels.sum())
    photographs = len(labels) - fakes
    if not fakes or not photographs:
        return None
    area = auroc(logits, labels)
    across, up = roc(logits, labels)
    return Scores(
        photographs,
        fakes,
        area,
        auroc_interval(area, photographs, fakes),
        _halves(logits, labels),
        calibration_error(logits, labels),
        error_by_chance(logits, labels, DRAWS),
        tuple(reliability(logits, labels)),
        tuple(zip(across.tolist(), up.tolist(), strict=True)),
    )


def _halves(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> Halves:
    called, fake = logits >= 0, labels == FAKE
    right, found = int((called & fake).sum()), int(called.sum())
    precision, recall = right / max(1, found), right / int(fake.sum())
    return Halves(
        2 * right / (found + int(fake.sum())), precision, recall, float((called == fake).mean())
    )
