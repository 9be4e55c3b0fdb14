"""The pipeline of a scan: walk, examine in workers, score in batches, journal every record."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scanner.backends.backend import Backend
from scanner.hashes.hashing import Hashing
from scanner.limits import Limits
from scanner.log import FACTS
from scanner.model.file import ModelFile
from scanner.model.verdict import NO_JUDGEMENT, judge
from scanner.record import UNEXAMINED, Status, Verdict, safe_text
from scanner.scan.journal import Journal
from scanner.scan.records import storable
from scanner.scan.watcher import Progress
from scanner.sources.found import Found, Met
from scanner.sources.walk import walk
from scanner.workers.examine import Examined
from scanner.workers.pool import CHUNK_BYTES, CHUNK_FILES, Workers, held_bytes

POLL_SECONDS = 0.5
DEATHS_TO_QUARANTINE = 2  # of the scan, with no other file in flight: one may be anybody's kill
QUARANTINED = "the whole scan died twice while this file alone was examined; it was not tried again"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Page:
    """What was seen of one page of `found`; with its last page a file is done."""

    found: Found
    examined: Examined
    is_last: bool


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
        self._batch: list[Page] = []
        self._in_flight: deque[tuple[list[Page], Future[NDArray[np.float32]]]] = deque()
        # Pages queued for scoring, by SHA-256 and number, with those of other files that are equal.
        self._twins: dict[tuple[str | None, int | None], list[Page]] = {}
        self._ticked = time.monotonic()
        self.progress = Progress()

    def run(self, listener: Callable[[Progress], None]) -> None:
        """Examine everything under the roots that the journal does not hold yet.

        listener: called with the progress so far: at once, at least twice a second, and at the end.
        """
        self._listener = listener
        inference = ThreadPoolExecutor(self._backend.streams, "inference")
        preprocessing = self._model.card.preprocessing
        try:
            with Workers(self._worker_count, preprocessing, self._limits, self._hashing) as workers:
                try:
                    listener(self.progress)
                    self._examine_all(workers, inference)
                    self._submit_batch(inference)
                    while self._in_flight:
                        self._finish_batch()
                finally:
                    self._journal.settle()
        finally:
            inference.shutdown(wait=False, cancel_futures=True)
        listener(self.progress)

    def _examine_all(self, workers: Workers, inference: ThreadPoolExecutor) -> None:
        """Pass every file without a record through the workers."""
        chunk: list[Found] = []
        held = 0
        for entry in walk(self._roots, self._limits, self._passwords):
            due = self._tick()
            if self._journal.has(entry.path, entry.position, entry.stamp):
                continue
            deaths = self._journal.suspects.get((entry.path, entry.position))
            if isinstance(entry, Met):
                self._record(entry, Examined(entry.status, entry.error))
            elif deaths is None or self._is_only_hashed(entry):
                chunk.append(entry)
                held += held_bytes(entry)
                full = len(chunk) == CHUNK_FILES * self._worker_count or held >= CHUNK_BYTES
                if full or due:
                    self._hand_over(chunk, workers)
                    self._collect(workers.room, workers, inference)
                    chunk, held = [], 0
            elif deaths < DEATHS_TO_QUARANTINE:
                self._examine_alone(entry, workers, inference)
            else:
                self._journal.answered(entry)
                self._record(entry, Examined(Status.CRASHED, QUARANTINED))
        self._hand_over(chunk, workers)
        self._drain(workers, inference)
        self._journal.check_all_met()

    def _is_only_hashed(self, found: Found) -> bool:
        """Whether no decoder sees the file, so that no death of the scan can be its fault."""
        if found.fate is not None:
            return True
        if isinstance(found.source, bytes) or found.stamp is None:
            return False
        return found.stamp.bytes > self._limits.file_bytes

    def _examine_alone(
        self, suspect: Found, workers: Workers, inference: ThreadPoolExecutor
    ) -> None:
        """Examine a file that was in flight when the scan died, with no other beside it."""
        self._drain(workers, inference)
        self._hand_over([suspect], workers)
        self._drain(workers, inference)

    def _hand_over(self, files: Sequence[Found], workers: Workers) -> None:
        self._journal.hand_over(files)
        for found in files:
            workers.submit(found)

    def _drain(self, workers: Workers, inference: ThreadPoolExecutor) -> None:
        self._collect(lambda: not workers.busy(), workers, inference)

    def _collect(
        self, done: Callable[[], bool], workers: Workers, inference: ThreadPoolExecutor
    ) -> None:
        """Take the results that are ready, and wait for more until `done()`."""
        waiting = True
        while waiting:
            waiting = not done()
            for found, examined in workers.results(POLL_SECONDS if waiting else 0):
                self._take(found, examined, inference)
            self._tick()

    def _tick(self) -> bool:
        """Every POLL_SECONDS, commit, tell the listener and return True."""
        now = time.monotonic()
        if now - self._ticked < POLL_SECONDS:
            return False
        self._ticked = now
        self._journal.commit()
        self._listener(self.progress)
        return True

    def _take(self, found: Found, examined: Examined, inference: ThreadPoolExecutor) -> None:
        """Record what needs no score; queue the rest, each page of distinct content once."""
        self._journal.answered(found)
        for further in examined.further:
            self._take_page(Page(found, storable(further), is_last=False), inference)
        # Batches are recorded in order: once a file has its record, its other pages have theirs.
        self._take_page(Page(found, storable(examined), is_last=True), inference)

    def _take_page(self, page: Page, inference: ThreadPoolExecutor) -> None:
        examined = page.examined
        key = (examined.sha256, examined.page)
        if examined.view is None or examined.sha256 is None:
            self._record_page(page)
        elif (logit := self._journal.logit(examined.sha256, examined.page)) is not None:
            self._record_page(page, logit)
        elif key in self._twins:
            self._twins[key].append(page)
        else:
            self._twins[key] = []
            self._batch.append(page)
            if len(self._batch) == self._batch_size:
                self._submit_batch(inference)

    def _submit_batch(self, inference: ThreadPoolExecutor) -> None:
        if not self._batch:
            return
        views = np.stack(
            [page.examined.view for page in self._batch if page.examined.view is not None]
        )
        self._in_flight.append((self._batch, inference.submit(self._backend.score, views)))
        self._batch = []
        # One batch more than are scored at once: it is ready when the first is done.
        while len(self._in_flight) > self._backend.streams:
            self._finish_batch()

    def _finish_batch(self) -> None:
        batch, scores = self._in_flight.popleft()
        for page, score in zip(batch, scores.result(), strict=True):
            key = (page.examined.sha256, page.examined.page)
            for twin in (page, *self._twins.pop(key)):
                self._record_page(twin, float(score))

    def _record_page(self, page: Page, logit: float | None = None) -> None:
        self._record(page.found, page.examined, logit, page.is_last)

    def _record(
        self,
        entry: Found | Met,
        examined: Examined,
        logit: float | None = None,
        is_last: bool = True,
    ) -> None:
        """Record a page of a file, and with its last page the file."""
        if examined.error:  # a decoder may quote any byte of the file
            examined = replace(examined, error=safe_text(examined.error))
        judgement = NO_JUDGEMENT
        if logit is not None and examined.width and examined.height:
            size = (examined.width, examined.height)
            judgement = judge(logit, size, self._model.card, examined.doubt)
        if is_last:
            fate = entry.fate if isinstance(entry, Found) else None
            noun = fate.noun if fate else None
            where = (entry.path, entry.position)
            self._journal.add(*where, examined, logit, judgement, entry.stamp, noun)
            self.progress.files += 1
        else:
            self._journal.add_page(examined, logit, judgement)
        self.progress.fakes += judgement.verdict is Verdict.FAKE
        if examined.status in UNEXAMINED:
            self.progress.unexamined += 1
            self._log(entry, examined)

    def _log(self, entry: Found | Met, examined: Examined) -> None:
        facts = {"path": entry.path, "position": entry.position, "page": examined.page}
        page = f", page {examined.page:,}" if examined.page else ""
        logger.warning(
            "%s%s: %s: %s",
            entry.path,
            page,
            examined.status,
            examined.error,
            extra={FACTS: facts | {"status": examined.status}},
        )
