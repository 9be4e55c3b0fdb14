"""Rounds that alternate between candidates, so that a machine whose speed drifts is fair to all."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

Measured = TypeVar("Measured")


@dataclass(frozen=True)
class Spread:
    """Of one figure over the rounds."""

    median: float
    lowest: float
    highest: float

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.lowest:.2f} to {self.highest:.2f})"


def spread(values: Sequence[float]) -> Spread:
    return Spread(statistics.median(values), min(values), max(values))


def alternate(
    candidates: Mapping[str, Callable[[], Measured]], rounds: int
) -> Iterator[dict[str, Measured]]:
    """Measure every candidate once a round, every other round in reverse order."""
    names = list(candidates)
    for number in range(rounds):
        order = names if number % 2 == 0 else names[::-1]
        found = {name: candidates[name]() for name in order}
        yield {name: found[name] for name in names}


def ratios(rounds: Sequence[Mapping[str, float]], ours: str, theirs: str) -> Spread:
    """What `ours` measured over what `theirs` measured in the same round."""
    return spread([measured[ours] / measured[theirs] for measured in rounds])
