"""Protects: no sentence says more than its figures, and what may happen is never called nil."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest

from scanner.validation.figures import share
from scanner.validation.words import figure, flips_in_words, odds, percent, results, share_in_words


def said(fake: int, real: int, of: int) -> dict[str, Any]:
    counts = {"fake": fake, "real": real, "inconclusive": of - fake - real}
    return {name: asdict(found) for name, n in counts.items() if (found := share(n, of))}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0%"), (1, "100%"), (0.0087, "0.87%"), (0.25, "25.00%"), (0.0002, "0.020%"),
        (3.8e-6, "0.00038%"), (1 - 3.8e-6, "99.99962%"), (1e-300, "under 0.000001%"),
        (1 - 1e-15, "over 99.999999%"),
    ],
)  # fmt: skip
def test_what_is_not_nothing_never_looks_so(value: float, text: str) -> None:
    assert percent(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"), (1, "1"), (0.9, "0.9000"), (0.99996, "0.999960"), (2e-5, "0.000020"),
        (1e-9, "under 0.000001"), (1 - 1e-9, "over 0.999999"),
    ],
)  # fmt: skip
def test_a_figure_is_perfect_only_if_it_is(value: float, text: str) -> None:
    """Beside "1 is perfect", an AUROC of 0.99996 must not be 1.0000."""
    assert figure(value) == text


def test_no_error_is_told_with_what_may_still_be() -> None:
    first, *_ = results({"photographs": said(0, 40, 50), "fakes": said(30, 0, 50)})
    assert "Of 50 photographs none was wrongly called AI-generated." in first
    assert "rates up to 7.13% are compatible with that (95% interval 0% to 7.13%)" in first
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
    assert "Of the 9,900 photographs it would call 99 fake, at the upper end" in first
    assert "of every 100 pictures called fake 66 would be photographs" in first
    assert "of every 100 pictures called fake 2 would be" in second  # 50 and 2,500


def test_the_worst_case_takes_the_worse_ends_of_both_intervals() -> None:
    """12.03 of 1,000 photographs and 40.4% of fakes: 119.6 of 160.0 and 60.2 of 2,080."""
    first, second = odds({"photographs": said(100, 0, 10_000), "fakes": said(50, 50, 100)})
    assert "at the upper end of the interval 120; of the 100 fakes 50, at the lower end 40" in first
    assert "would be photographs, at those ends of both intervals 75." in first
    assert "would be photographs, at those ends of both intervals 3." in second


def test_an_error_that_occurred_is_never_none_nor_all_there_is() -> None:
    """One of 30,000 photographs, with nine fakes of ten found; and the other way round."""
    first, second = odds({"photographs": said(1, 0, 30_000), "fakes": said(90, 0, 100)})
    assert "it would call fewer than 1 fake" in first
    assert "called fake fewer than 1 would be photographs" in first
    assert "called fake fewer than 1 would be photographs" in second
    assert "none" not in first + second
    first, second = odds({"photographs": said(999, 0, 1000), "fakes": said(1, 0, 30_000)})
    assert "would call 9,890 fake" in first
    assert "called fake more than 99 would be photographs" in first + second
    assert "of the 100 fakes fewer than 1, at the lower end fewer than 1" in first
    first, _ = odds({"photographs": said(0, 0, 1000), "fakes": said(9, 0, 9)})
    assert "it would call none fake, at the upper end of the interval 38" in first
    assert "of the 100 fakes all" in first
    first, _ = odds({"photographs": said(9, 0, 1000), "fakes": said(0, 0, 9)})
    assert "called fake all would be photographs" in first


def test_of_what_was_never_called_fake_no_worth_is_told() -> None:
    """Nor would zero of zero pictures be "none"."""
    (only,) = odds({"photographs": said(0, 9, 9), "fakes": said(0, 9, 9)})
    assert only == "It called nothing fake here, so what such a verdict is worth cannot be told."


def test_copies_of_pictures_without_a_verdict_are_not_among_verdicts_that_held() -> None:
    counts = {"pictures": 10, "had_verdict": 3, "kept": 2, "turned": 1, "made_wrong": 1}
    told = flips_in_words({"treated": [counts]})
    assert "Of 10 copies, 3 are of a picture that had a verdict: of these 2 have the same" in told


def test_of_one_class_alone_nothing_is_made_up() -> None:
    told = list(results({"photographs": None, "fakes": said(3, 0, 3)}))
    assert "This model judged no photographs" in told[0], "there may be others that it did not"
    assert share_in_words(None) == "none judged"
    (only,) = odds({"photographs": None, "fakes": said(3, 0, 3)})
    assert "cannot be told" in only
