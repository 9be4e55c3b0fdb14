"""Views that wait for a model's score: gathered to batches, of which several are scored at once."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from scanner.backends.backend import Scores
from scanner.model.verdict import Score
from scanner.scan.recorder import File
from scanner.scan.scorers import Scorer
from scanner.workers.examined import Examined
from scanner.workers.pool import CHUNK_BYTES, held_bytes


@dataclass(eq=False)
class Page:
    """What was seen of one page of a file. score: of what was seen so far.

    view: what its model saw, kept where it may be shown where the evidence lies. parts: how often
    the model is asked for that; logits: its answers so far.
    """

    file: File
    examined: Examined
    score: Score | None = None
    view: NDArray[np.uint8] | None = None
    parts: int = 0
    logits: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Queued:
    """One thing for a model to score: a page as it is, by one of the model's looks, or covered."""

    page: Page
    view: NDArray[np.uint8]
    look: str | None = None
    covered: bool = False


class Batches:
    """Of each of `scorers`. take: called with what was scored, of a model in the order of `add`."""

    def __init__(
        self, scorers: Sequence[Scorer], take: Callable[[Sequence[tuple[Queued, Score]]], None]
    ) -> None:
        self._scorers = scorers
        self._take = take
        self._streams = max(scorer.backend.streams for scorer in scorers)
        # One for all models: on a CPU each by itself could keep every core busy.
        self._inference = ThreadPoolExecutor(self._streams, "inference")
        self._waiting: list[list[Queued]] = [[] for _ in scorers]
        self._in_flight: deque[tuple[list[Queued], Future[Scores]]] = deque()
        self._asked = [False for _ in scorers]

    def close(self) -> None:
        """Begin no other batch."""
        self._inference.shutdown(wait=False, cancel_futures=True)

    def busy(self) -> bool:
        """Whether any score is still due."""
        return any(self._waiting) or bool(self._in_flight)

    def add(self, queued: Queued, model: int) -> None:
        """Queue it; with a full batch, wait until no more are in flight than are of use.

        The first of a model is a batch by itself: the model is opened while others come.
        """
        batch = self._waiting[model]
        batch.append(queued)
        full = len(batch) >= self._scorers[model].backend.batch_size
        if full or not self._asked[model] or _held(batch) >= CHUNK_BYTES:
            self._submit(model)

    def finish(self) -> None:
        """Have everything scored that waits."""
        for model in range(len(self._scorers)):
            self._submit(model)
        while self._in_flight:
            self._finish_one()

    def _submit(self, model: int) -> None:
        batch, self._waiting[model] = self._waiting[model], []
        if not batch:
            return
        self._asked[model] = True
        views = np.stack([queued.view for queued in batch])
        scores = self._inference.submit(self._scorers[model].backend.score, views)
        self._in_flight.append((batch, scores))
        # One batch more than are scored at once: it is ready when the first is done.
        while len(self._in_flight) > self._streams:
            self._finish_one()

    def _finish_one(self) -> None:
        batch, scores = self._in_flight.popleft()
        self._take(list(zip(batch, scores.result().each(), strict=True)))


def _held(batch: Sequence[Queued]) -> int:
    """Bytes of archives' members that pages keep in memory until they are judged."""
    return sum(held_bytes(file.found) for file in {queued.page.file for queued in batch})
