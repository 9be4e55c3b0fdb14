"""Protects: charts show where the operating points are, and say so where nothing can be drawn."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest

from scanner.validation.charts import Chart, Mark, charts

APART: list[list[float]] = [[0, 0], [0, 1], [1, 1]]
COMMON: list[list[float]] = [[0, 0], [0, 0.4], [0.2, 0.9], [1, 1]]
SPOTS = {
    "in a corner": [(0.0, 1.0), (0.0, 1.0), (0.0, 1.0)],
    "in the other": [(1.0, 0.0), (1.0, 0.0), (1.0, 0.0)],
    "close": [(0.01, 0.5), (0.02, 0.55), (0.11, 0.53)],
    "in a row": [(0.0, 0.07), (0.0, 0.18), (0.0, 0.04)],
}


def drawn(spots: list[tuple[float, float]], roc: list[list[float]]) -> list[Chart]:
    """Of a model of such operating points: the shares of photographs and fakes called fake."""
    scores = {"roc": roc, "auroc": 0.9, "reliability": [], "expected_calibration_error": 0.1}
    points = [
        {
            "photographs": {"fake": {"share": x}},
            "fakes": {"fake": {"share": y}},
            "false_positive_rate": rate,
        }
        for (x, y), rate in zip(spots, (0.005, 0.01, 0.001), strict=True)
    ]
    model: dict[str, Any] = {"scores": scores, "points": points}
    return list(charts(model))


@pytest.mark.parametrize("spots", SPOTS.values(), ids=SPOTS)
def test_the_texts_of_marks_hide_nothing(spots: list[tuple[float, float]]) -> None:
    def text(mark: Mark) -> tuple[float, float, float, float]:
        """Left, top, right and bottom, some 6 units a letter."""
        return mark.x + 8, mark.y + 5, mark.x + 8 + 6 * len(mark.text), mark.y + 17

    def meet(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
        return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]

    for chart in drawn(spots, COMMON)[:2]:
        said = sorted(", ".join(it.text for it in chart.marks if it.text).split(", "))
        assert said == ["0.1%", "0.5%", "1%"], "each rate once"
        texts = [text(mark) for mark in chart.marks if mark.text]
        circles = [(it.x - 4, it.y - 4, it.x + 4, it.y + 4) for it in chart.marks]
        assert not any(meet(*pair) for pair in combinations(texts, 2))
        assert not any(meet(one, other) for one in texts for other in circles)
        for left, _, right, bottom in texts:
            assert chart.left < left
            assert right <= chart.width, "it would be cut"
            assert bottom < chart.top + chart.side, "the axis has its numbers there"


def test_a_curve_that_says_nothing_is_not_drawn_and_that_is_told() -> None:
    roc, det, _ = drawn(SPOTS["in a corner"], APART)
    assert roc.line
    assert not det.line
    assert "there is no curve to draw" in det.summary
    det = drawn(SPOTS["close"], COMMON)[1]
    assert det.line
    assert "no curve" not in det.summary


def test_points_that_miss_most_fakes_are_told_from_those_that_miss_all() -> None:
    det = drawn([(0.01, 0.3), (0.01, 0.1), (0.01, 0.0)], COMMON)[1]
    assert len({mark.y for mark in det.marks}) == 3
