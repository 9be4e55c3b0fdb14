"""The pipeline of a scan: walk, examine in workers, score in batches, journal every record."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scanner.backends import Backend
from scanner.examine import Examined
from scanner.hashing import Hashing
from scanner.journal import Journal
from scanner.limits import Limits
from scanner.model import ModelFile
from scanner.record import UNEXAMINED, Verdict
from scanner.sources import walk
from scanner.sources.container import Found, Met
from scanner.verdict import judge
from scanner.workers import Workers

BATCHES_IN_FLIGHT = 2  # one runs while the next is filled
POLL_SECONDS = 0.5


@dataclass
class Progress:
    """Running totals of this run of the command; the files of an earlier run are not in them."""

    files: int = 0
    fakes: int = 0
    unexamined: int = 0


Pending = list[tuple[Found, Examined]]


class Pipeline:
    """Carries a scan from its sources to its journal.

    roots: evidence folders and files. batch_size: views scored at once. workers: processes.
    passwords: tried on whatever is encrypted.
    """

    def __init__(
        self,
        roots: Sequence[Path],
        model: ModelFile,
        backend: Backend,
        journal: Journal,
        limits: Limits,
        batch_size: int,
        workers: int,
        hashing: Hashing = Hashing(),  # noqa: B008  immutable
        passwords: Sequence[str] = (),
    ) -> None:
        self._roots = roots
        self._model = model
        self._backend = backend
        self._journal = journal
        self._limits = limits
        self._batch_size = batch_size
        self._worker_count = workers
        self._hashing = hashing
        self._passwords = passwords
        self._batch: Pending = []
        self._in_flight: deque[tuple[Pending, Future[NDArray[np.float32]]]] = deque()
        # Contents queued for scoring, by SHA-256, with the other files that hold the same bytes.
        self._twins: dict[str, list[Found]] = {}
        self.progress = Progress()

    def run(self, listener: Callable[[Progress], None]) -> None:
        """Examine everything under the roots that the journal does not hold yet.

        listener: called with the progress so far, at least twice a second.
        """
        entries = walk(self._roots, self._limits, self._passwords)
        exhausted = False
        with (
            ThreadPoolExecutor(1, "inference") as inference,
            Workers(
                self._worker_count, self._model.card.preprocessing, self._limits, self._hashing
            ) as workers,
        ):
            while not exhausted or workers.busy():
                with self._journal.transaction():
                    while not exhausted and workers.room():
                        entry = next(entries, None)
                        exhausted = entry is None
                        if entry is not None and not self._journal.has(entry.path, entry.position):
                            self._accept(entry, workers)
                    for found, examined in workers.results(POLL_SECONDS):
                        self._take(found, examined, inference)
                listener(self.progress)
            with self._journal.transaction():
                self._submit_batch(inference)
                while self._in_flight:
                    self._finish_batch()
        listener(self.progress)

    def _accept(self, entry: Found | Met, workers: Workers) -> None:
        if isinstance(entry, Found):
            workers.submit(entry)
        else:
            self._record(entry, Examined(entry.status, entry.error))

    def _take(self, found: Found, examined: Examined, inference: ThreadPoolExecutor) -> None:
        """Record what needs no score; queue the rest, each distinct content once."""
        if examined.view is None or examined.sha256 is None:
            self._record(found, examined)
        elif (logit := self._journal.logit(examined.sha256)) is not None:
            self._record(found, examined, logit)
        elif examined.sha256 in self._twins:
            self._twins[examined.sha256].append(found)
        else:
            self._twins[examined.sha256] = []
            self._batch.append((found, examined))
            if len(self._batch) == self._batch_size:
                self._submit_batch(inference)

    def _submit_batch(self, inference: ThreadPoolExecutor) -> None:
        if not self._batch:
            return
        views = np.stack(
            [examined.view for _, examined in self._batch if examined.view is not None]
        )
        self._in_flight.append((self._batch, inference.submit(self._backend.score, views)))
        self._batch = []
        while len(self._in_flight) > BATCHES_IN_FLIGHT:
            self._finish_batch()

    def _finish_batch(self) -> None:
        batch, scores = self._in_flight.popleft()
        for (found, examined), score in zip(batch, scores.result(), strict=True):
            assert examined.sha256 is not None
            for twin in (found, *self._twins.pop(examined.sha256)):
                self._record(twin, examined, float(score))

    def _record(self, entry: Found | Met, examined: Examined, logit: float | None = None) -> None:
        verdict = None
        if logit is not None and examined.width and examined.height:
            size = (examined.width, examined.height)
            verdict = judge(logit, size, self._model.card).verdict
        self._journal.add(entry.path, entry.position, examined, logit, verdict)
        self.progress.files += 1
        self.progress.fakes += verdict is Verdict.FAKE
        self.progress.unexamined += examined.status in UNEXAMINED
