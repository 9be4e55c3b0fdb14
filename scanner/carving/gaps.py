"""Stretches of a file that no reader accounts for."""

from __future__ import annotations

import bisect
from array import array
from collections.abc import Iterable, Iterator

import numpy as np

EMPTY = np.empty((0, 2), np.uint64)
SMALLEST_PICTURE = 26  # bytes: a GIF of one pixel; a shorter stretch can hold none


class Gaps:
    """Pairs of start and stop, ascending, disjoint, in sixteen bytes each.

    are_nobodys: whether the format itself leaves nothing there that looks compressed.
    """

    def __init__(self, pairs: Iterable[tuple[int, int]], are_nobodys: bool = False) -> None:
        self.are_nobodys = are_nobodys
        self._starts, self._stops = array("Q"), array("Q")
        for start, stop in pairs:
            if stop - start >= SMALLEST_PICTURE:
                self._starts.append(start)
                self._stops.append(stop)

    @classmethod
    def all_but(cls, accounted: array[int], size: int, are_nobodys: bool = False) -> Gaps:
        """What of `size` bytes lies in none of the stretches `accounted`.

        accounted: start and stop of each in turn, of any order, of type "Q".
        """
        pairs = np.frombuffer(accounted, np.uint64).reshape(-1, 2) if accounted else EMPTY

        def between() -> Iterator[tuple[int, int]]:
            place = 0
            for index in np.argsort(pairs[:, 0]):
                start, stop = (int(it) for it in pairs[index])
                yield place, min(start, size)
                place = max(place, stop)
            yield place, size

        return cls(((start, stop) for start, stop in between() if stop > start), are_nobodys)

    def __len__(self) -> int:
        return len(self._starts)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return zip(self._starts, self._stops, strict=True)

    def within(self, start: int, stop: int) -> Iterator[tuple[int, int]]:
        """Those that lie between `start` and `stop`, cut to these."""
        first = max(0, bisect.bisect_right(self._starts, start) - 1)
        for index in range(first, len(self._starts)):
            if self._starts[index] >= stop:
                return
            low, high = max(start, self._starts[index]), min(stop, self._stops[index])
            if low < high:
                yield low, high

    def start(self, place: int) -> int:
        """Where the one begins that `place` lies in."""
        return self._starts[bisect.bisect_right(self._starts, place) - 1]

    def end(self, place: int) -> int:
        """Where the one ends that `place` lies in."""
        return self._stops[bisect.bisect_right(self._starts, place) - 1]

    def without(self, known: Iterable[tuple[int, int]]) -> Gaps:
        """What of them lies in none of the stretches `known`, which are few."""
        left = list(self)
        for begin, end in known:
            if begin < end:
                left = [
                    cut
                    for start, stop in left
                    for cut in ((start, min(stop, begin)), (max(start, end), stop))
                    if cut[0] < cut[1]
                ]
        return Gaps(left)
