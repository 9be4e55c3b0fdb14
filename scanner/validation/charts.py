"""Curves as the numbers that an SVG is drawn from: ROC, DET and reliability."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Any

from scanner.validation.words import figure

LEFT, TOP, SIDE = 64, 12, 300  # of the square that is drawn in
WIDTH, HEIGHT = LEFT + SIDE + 20, TOP + SIDE + 52
LINEAR = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
PROBIT = (0.001, 0.005, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6)
APART = 14  # units, for the text of a mark to be read beside another's
LEAST, MOST = 0.0005, 0.7  # of a DET curve
Place = tuple[float, float]


@dataclass(frozen=True)
class Tick:
    place: float
    text: str


@dataclass(frozen=True)
class Mark:
    """An operating point, with the rate it is set for, unless one beside it says it."""

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
    missed = [(x, 1 - y) for x, y in curve if LEAST <= x <= MOST or LEAST <= 1 - y <= MOST]
    yield Chart(
        "DET curve",
        "Both kinds of errors, by threshold; axes by the normal distribution",
        "photographs called fake",
        "fakes not called fake",
        *_ticks(PROBIT, _probit),
        _path(missed, _probit),
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


def _ticks(values: Sequence[float], scale: Scale) -> tuple[tuple[Tick, ...], tuple[Tick, ...]]:
    texts = [f"{100 * value:g}%" for value in values]
    return (
        tuple(Tick(_place(it, 0, scale)[0], text) for it, text in zip(values, texts, strict=True)),
        tuple(Tick(_place(0, it, scale)[1], text) for it, text in zip(values, texts, strict=True)),
    )


def _place(x: float, y: float, scale: Scale) -> Place:
    return round(LEFT + SIDE * scale(x), 1), round(TOP + SIDE * (1 - scale(y)), 1)


def _path(places: Sequence[Place], scale: Scale) -> str:
    """Without points that fall on the one before."""
    drawn = dict.fromkeys(_place(x, y, scale) for x, y in places)
    return " ".join(f"{x},{y}" for x, y in drawn)


def _marks(points: Sequence[tuple[float, float, str]], scale: Scale) -> tuple[Mark, ...]:
    """Those that would hide each other's text share one."""
    marks: list[Mark] = []
    for x, y, text in points:
        across, up = _place(x, y, scale)
        near = (it for it in marks if abs(it.x - across) < 2 * APART and abs(it.y - up) < APART)
        if (first := next(near, None)) and first.text:
            marks[marks.index(first)] = replace(first, text=f"{first.text}, {text}")
            text = ""
        marks.append(Mark(across, up, text))
    return tuple(marks)


def _bar(x: float, interval: Place) -> Bar:
    place, bottom = _place(x, interval[0], _straight)
    return Bar(place, _place(x, interval[1], _straight)[1], bottom)
