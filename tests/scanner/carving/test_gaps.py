"""Protects: what of a container no member takes, whatever the members say of themselves."""

from __future__ import annotations

from array import array

from hypothesis import given
from hypothesis import strategies as st

from scanner.carving.gaps import SMALLEST_PICTURE, Gaps

SIZE = 2_000
STRETCHES = st.lists(st.tuples(st.integers(0, SIZE + 99), st.integers(0, 1 << 62)), max_size=9)


def covered(gaps: Gaps) -> set[int]:
    return {place for start, stop in gaps for place in range(start, stop)}


@given(STRETCHES)
def test_gaps_are_all_that_no_stretch_takes(stretches: list[tuple[int, int]]) -> None:
    accounted = array("Q", [place for stretch in stretches for place in stretch])
    taken = {place for start, stop in stretches for place in range(start, min(stop, SIZE))}
    left = covered(Gaps.all_but(accounted, SIZE))
    assert not left & taken
    # Only what is too short for a picture is let go.
    lost = sorted(set(range(SIZE)) - taken - left)
    runs = [place for place in lost if place - 1 not in lost]
    assert all(start + SMALLEST_PICTURE - 1 not in lost for start in runs)


@given(st.integers(0, SIZE), st.integers(0, SIZE))
def test_what_lies_within(one: int, other: int) -> None:
    start, stop = sorted((one, other))
    gaps = Gaps([(100, 300), (500, 501), (700, 1_900)])
    within = {place for low, high in gaps.within(start, stop) for place in range(low, high)}
    assert within == covered(gaps) & set(range(start, stop))


def test_where_one_begins_and_ends() -> None:
    gaps = Gaps([(100, 300), (700, 1_900)])
    assert (gaps.start(100), gaps.end(299)) == (100, 300)
    assert (gaps.start(1_000), gaps.end(700)) == (700, 1_900)


def test_what_is_left_of_them() -> None:
    gaps = Gaps([(0, 1_000)])
    assert list(gaps.without([(0, 200), (500, 600)])) == [(200, 500), (600, 1_000)]
    assert list(gaps.without([(0, 0)])) == [(0, 1_000)]
    assert list(gaps.without([(0, 2_000)])) == []
