"""Protects: candidates take turns fairly, and a ratio compares figures of one round only."""

from __future__ import annotations

import pytest

from benchmarks.shared.rounds import alternate, ratios


def test_every_other_round_runs_in_reverse_order() -> None:
    order: list[str] = []

    def candidate(name: str, figure: float) -> float:
        order.append(name)
        return figure

    candidates = {
        "first": lambda: candidate("first", 1.0),
        "second": lambda: candidate("second", 2.0),
    }
    rounds = list(alternate(candidates, 3))
    assert order == ["first", "second", "second", "first", "first", "second"]
    assert [list(measured.items()) for measured in rounds] == [
        [("first", 1.0), ("second", 2.0)]
    ] * 3


def test_a_ratio_is_of_the_same_round() -> None:
    # The machine is ten times slower in the second round; no candidate gains by that.
    rounds = [{"ours": 200.0, "theirs": 100.0}, {"ours": 22.0, "theirs": 10.0}]
    ratio = ratios(rounds, "ours", "theirs")
    assert (ratio.lowest, ratio.highest) == pytest.approx((2.0, 2.2))
    assert ratio.median == pytest.approx(2.1)
    assert str(ratio) == "2.10 (2.00 to 2.20)"
