"""Protects: no sentence says more than its figures, and what may happen is never called nil."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest

from scanner.validation.figures import share
from scanner.validation.words import odds, percent, results, share_in_words


def said(fake: int, real: int, of: int) -> dict[str, Any]:
    counts = {"fake": fake, "real": real, "inconclusive": of - fake - real}
    return {name: asdict(found) for name, n in counts.items() if (found := share(n, of))}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0%"), (1, "100%"), (0.0087, "0.87%"), (0.25, "25.00%"), (0.0002, "0.020%"),
        (3.8e-6, "0.00038%"), (1 - 3.8e-6, "99.99962%"),
    ],
)  # fmt: skip
def test_what_is_not_nothing_never_looks_so(value: float, text: str) -> None:
    assert percent(value) == text


def test_no_error_is_told_with_what_may_still_be() -> None:
    first, *_ = results({"photographs": said(0, 40, 50), "fakes": said(30, 0, 50)})
    assert "Of 50 photographs none was wrongly called AI-generated." in first
    assert "up to 7.13% (95% interval 0% to 7.13%)" in first
    assert share_in_words(said(0, 40, 50)["fake"]) == "0 of 50: 0% (0% to 7.13%)"


def test_errors_are_told_with_their_interval() -> None:
    point = {"photographs": said(87, 9000, 10_000), "fakes": said(1, 1, 3)}
    told = list(results(point))
    assert told[0] == (
        "Of 10,000 photographs, 87 were wrongly called AI-generated: 0.87% (95% interval 0.71% to "
        "1.07%)."
    )
    assert told[2].startswith("Of 3 fakes, 1 was wrongly called photographs: 33.33%")
    assert "and 913 were left inconclusive" in told[1]


def test_the_worth_of_a_verdict_is_told_in_numbers_of_pictures() -> None:
    """99 of 9,900 photographs and 50 of 100 fakes: two of three are photographs."""
    first, second = odds({"photographs": said(100, 0, 10_000), "fakes": said(50, 50, 100)})
    assert "Of the 9,900 photographs it would call 99 fake" in first
    assert "of every 100 pictures called fake 66, or up to" in first
    assert "it would be 2 of every 100" in second  # 50 and 2,500


def test_of_one_class_alone_nothing_is_made_up() -> None:
    told = list(results({"photographs": None, "fakes": said(3, 0, 3)}))
    assert "There are no photographs in the folder" in told[0]
    assert list(odds({"photographs": None, "fakes": said(3, 0, 3)})) == []
