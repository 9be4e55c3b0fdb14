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

from scanner.backends.backend import Scores
from scanner.hashes.hashing import Hashing
from scanner.limits import Limits
from scanner.log import FACTS
from scanner.model.verdict import NO_JUDGEMENT, Score, judge, outside
from scanner.record import UNEXAMINED, Status, Verdict, safe_text
from scanner.scan.journal import Journal
from scanner.scan.records import storable
from scanner.scan.scorers import Scorer
from scanner.scan.watcher import Progress
from scanner.sources.found import Found, Met
from scanner.sources.walk import walk
from scanner.workers.examine import Examined
from scanner.workers.pool import CHUNK_BYTES, CHUNK_FILES, Workers, held_bytes

POLL_SECONDS = 0.5
DEATHS_TO_QUARANTINE = 2  # of the scan, with no other file in flight: one may be anybody's kill
QUARANTINED = "the whole scan died twice while this file alone was examined; it was not tried again"

logger = logging.getLogger(__name__)


@dataclass
class File:
    """One of which pages are still to be recorded, in any order; with the last it is done."""

    found: Found
    pages: int


@dataclass(frozen=True)
class Page:
    """What was seen of one page of a file."""

    file: File
    examined: Examined


class Pipeline:
    """Carries a scan from its sources to its journal.

    roots: evidence folders and files. scorers: in whose domain an image lies judges it; of two the
    first. workers: processes. passwords: tried on whatever is encrypted.
    """

    def __init__(
        self,
        roots: Sequence[Path],
        scorers: Sequence[Scorer],
        journal: Journal,
        limits: Limits,
        workers: int,
        hashing: Hashing = Hashing(),  # noqa: B008  immutable
        passwords: Sequence[str] = (),
    ) -> None:
        self._roots = roots
        self._scorers = scorers
        self._domains = [scorer.model.card.domain for scorer in scorers]
        self._streams = max(scorer.backend.streams for scorer in scorers)
        self._journal = journal
        self._limits = limits
        self._worker_count = workers
        self._hashing = hashing
        self._passwords = passwords
        self._batches: list[list[Page]] = [[] for _ in scorers]
        self._in_flight: deque[tuple[list[Page], Future[Scores]]] = deque()
        # Pages queued for scoring, by SHA-256 and number, with those of other files that are equal.
        self._twins: dict[tuple[str | None, int | None], list[Page]] = {}
        self._ticked = time.monotonic()
        self.progress = Progress()

    def run(self, listener: Callable[[Progress], None]) -> None:
        """Examine everything under the roots that the journal does not hold yet.

        listener: called with the progress so far: at once, at least twice a second, and at the end.
        """
        self._listener = listener
        # One for all models: on a CPU each by itself could keep every core busy.
        inference = ThreadPoolExecutor(self._streams, "inference")
        views = [
            (scorer.model.card.domain, scorer.model.card.preprocessing) for scorer in self._scorers
        ]
        try:
            with Workers(self._worker_count, views, self._limits, self._hashing) as workers:
                try:
                    listener(self.progress)
                    self._examine_all(workers, inference)
                    for model in range(len(self._scorers)):
                        self._submit_batch(model, inference)
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
        # A page that waits for its score holds no other page meanwhile, nor a member's bytes.
        pages = (replace(examined, further=()), *examined.further)
        file = File(replace(found, source=b""), len(pages))
        for page in pages:
            self._take_page(Page(file, storable(page)), inference)

    def _take_page(self, page: Page, inference: ThreadPoolExecutor) -> None:
        examined = page.examined
        key = (examined.sha256, examined.page)
        if examined.model is None or examined.sha256 is None:
            self._record_page(page)
        elif (score := self._journal.score(examined.sha256, examined.page)) is not None:
            self._record_page(page, score)
        elif key in self._twins:
            self._twins[key].append(Page(page.file, replace(examined, view=None)))
        else:
            self._twins[key] = []
            batch = self._batches[examined.model]
            batch.append(page)
            if len(batch) >= self._scorers[examined.model].backend.batch_size:
                self._submit_batch(examined.model, inference)

    def _submit_batch(self, model: int, inference: ThreadPoolExecutor) -> None:
        batch, self._batches[model] = self._batches[model], []
        if not batch:
            return
        views = np.stack([page.examined.view for page in batch if page.examined.view is not None])
        scores = inference.submit(self._scorers[model].backend.score, views)
        self._in_flight.append((batch, scores))
        # One batch more than are scored at once: it is ready when the first is done.
        while len(self._in_flight) > self._streams:
            self._finish_batch()

    def _finish_batch(self) -> None:
        batch, scores = self._in_flight.popleft()
        for page, score in zip(batch, scores.result().each(), strict=True):
            key = (page.examined.sha256, page.examined.page)
            for twin in (page, *self._twins.pop(key)):
                self._record_page(twin, score)

    def _record_page(self, page: Page, score: Score | None = None) -> None:
        """Record a page of a file, and with its last page the file."""
        page.file.pages -= 1
        self._record(page.file.found, page.examined, score, is_last=page.file.pages == 0)

    def _record(
        self,
        entry: Found | Met,
        examined: Examined,
        score: Score | None = None,
        is_last: bool = True,
    ) -> None:
        if examined.error:  # a decoder may quote any byte of the file
            examined = replace(examined, error=safe_text(examined.error))
        model, judgement = None, NO_JUDGEMENT
        if examined.model is not None and score is not None:
            scorer = self._scorers[examined.model]
            model, judgement = scorer.name, judge(score, scorer.model.card, examined.doubt)
        elif examined.status is Status.SCORED and examined.width and examined.height:
            judgement = outside((examined.width, examined.height), self._domains)
        if is_last:
            fate = entry.fate if isinstance(entry, Found) else None
            noun = fate.noun if fate else None
            where = (entry.path, entry.position)
            self._journal.add(*where, examined, model, score, judgement, entry.stamp, noun)
            self.progress.files += 1
        else:
            self._journal.add_page(examined, model, score, judgement)
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
