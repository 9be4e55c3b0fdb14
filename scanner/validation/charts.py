"""Curves as the numbers that an SVG is drawn from: ROC, DET and reliability."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import NormalDist
from typing import Any

from scanner.validation.words import figure

LEFT, TOP, SIDE = 64, 12, 300  # of the square that is drawn in
INSET = 24  # from the frame to the least and the most, so that no mark lies on the axes' numbers
WIDTH, HEIGHT = LEFT + SIDE + 80, TOP + SIDE + 52  # a mark at the right has its text beside it
LINEAR = {value / 100: f"{value}%" for value in (0, 20, 40, 60, 80, 100)}
# Of a DET curve, whose axes have neither 0 nor 1. What lies beyond their ends is drawn there.
LEAST, MOST = 0.001, 0.999
PROBIT = {LEAST: "≤0.1%", 0.02: "2%", 0.1: "10%", 0.3: "30%", 0.6: "60%", 0.9: "90%"}
PROBIT |= {0.98: "98%", MOST: "≥99.9%"}
Place = tuple[float, float]
Spot = tuple[float, float, str]  # of an operating point, and the rate it is set for


@dataclass(frozen=True)
class Tick:
    place: float
    text: str


@dataclass(frozen=True)
class Mark:
    """An operating point, with the rate it is set for, unless one beside it says it.

    The page writes the text to the right and below.
    """

    x: float
    y: float
    text: str


@dataclass(frozen=True)
class Bar:
    """An interval."""

    x: float
    top: float
    bottom: float


@dataclass(frozen=True)
class Chart:
    """All in the SVG's own units. line and guide: points of a polyline."""

    title: str
    summary: str
    across: str
    up: str
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    line: str = ""
    guide: str = ""
    marks: tuple[Mark, ...] = ()
    bars: tuple[Bar, ...] = ()
    dots: tuple[Place, ...] = ()
    left: int = LEFT
    top: int = TOP
    side: int = SIDE
    width: int = WIDTH
    height: int = HEIGHT


Scale = Callable[[float], float]  # a value's place, 0 to 1


def _straight(value: float) -> float:
    return value


def _probit(value: float) -> float:
    low, high, here = map(NormalDist().inv_cdf, (LEAST, MOST, min(max(value, LEAST), MOST)))
    return (here - low) / (high - low)


def charts(model: Mapping[str, Any]) -> Iterator[Chart]:
    """Of a model whose scores are of both classes."""
    scores = model["scores"]
    if scores is None:
        return
    points = [
        (
            at["photographs"]["fake"]["share"],
            at["fakes"]["fake"]["share"],
            f"{100 * at['false_positive_rate']:g}%",
        )
        for at in model["points"]
    ]
    curve: list[Place] = scores["roc"]
    yield Chart(
        "ROC curve",
        f"Photographs and fakes called fake, by threshold; area {figure(scores['auroc'])}",
        "photographs called fake",
        "fakes called fake",
        *_ticks(LINEAR, _straight),
        _path(curve, _straight),
        _path([(0, 0), (1, 1)], _straight),
        _marks(points, _straight),
    )
    apart = (0, 1) in map(tuple, curve)  # then it would run along the axes alone
    nothing = "; the scores tell all of these pictures apart: there is no curve to draw"
    yield Chart(
        "DET curve",
        "Both kinds of errors, by threshold; axes by the normal distribution" + nothing * apart,
        "photographs called fake",
        "fakes not called fake",
        *_ticks(PROBIT, _probit),
        "" if apart else _path([(x, 1 - y) for x, y in curve], _probit),
        "",
        _marks([(x, 1 - y, text) for x, y, text in points], _probit),
    )
    bins = scores["reliability"]
    means = [(each["p_fake"], each["share_of_fakes"]) for each in bins]
    yield Chart(
        "Reliability",
        f"What p_fake says and what is so; error {figure(scores['expected_calibration_error'])}",
        "p_fake",
        "share of fakes, classes weighing the same",
        *_ticks(LINEAR, _straight),
        guide=_path([(0, 0), (1, 1)], _straight),
        bars=tuple(_bar(each["p_fake"], each["interval"]) for each in bins),
        dots=tuple(_place(x, y, _straight) for x, y in means),
    )


def _ticks(texts: Mapping[float, str], scale: Scale) -> tuple[tuple[Tick, ...], tuple[Tick, ...]]:
    return (
        tuple(Tick(_place(value, 0, scale)[0], text) for value, text in texts.items()),
        tuple(Tick(_place(0, value, scale)[1], text) for value, text in texts.items()),
    )


def _place(x: float, y: float, scale: Scale) -> Place:
    length = SIDE - 2 * INSET
    return (
        round(LEFT + INSET + length * scale(x), 1),
        round(TOP + INSET + length * (1 - scale(y)), 1),
    )


def _path(places: Sequence[Place], scale: Scale) -> str:
    """Without points that fall on the one before."""
    drawn = dict.fromkeys(_place(x, y, scale) for x, y in places)
    return " ".join(f"{x},{y}" for x, y in drawn)


def _marks(points: Sequence[Spot], scale: Scale) -> tuple[Mark, ...]:
    """Those that would hide each other's text share one, at the lowest, where none covers it."""
    groups = [[(*_place(x, y, scale), text)] for x, y, text in points]
    while pair := next((it for it in combinations(groups, 2) if _overlap(*it)), None):
        pair[0].extend(pair[1])
        groups = [group for group in groups if group is not pair[1]]
    marks = []
    for group in groups:
        lowest = max(group, key=_height)
        text = ", ".join(each[2] for each in group)
        marks += [Mark(it[0], it[1], text if it is lowest else "") for it in group]
    return tuple(marks)


def _height(spot: Spot) -> float:
    return spot[1]


def _overlap(one: Sequence[Spot], other: Sequence[Spot]) -> bool:
    """Whether circles or texts of two groups would."""
    (left, top, right, bottom), (west, north, east, south) = map(_box, (one, other))
    return left < east and west < right and top < south and north < bottom


def _box(group: Sequence[Spot]) -> tuple[float, float, float, float]:
    """Left, top, right and bottom, with the text."""
    lowest = max(group, key=_height)
    text = ", ".join(each[2] for each in group)
    across = [x for x, _, _ in group]
    end = max(*across, lowest[0] + 8 + 6 * len(text))
    return min(across) - 5, min(map(_height, group)) - 5, end, lowest[1] + 17


def _bar(x: float, interval: Place) -> Bar:
    place, bottom = _place(x, interval[0], _straight)
    return Bar(place, _place(x, interval[1], _straight)[1], bottom)
