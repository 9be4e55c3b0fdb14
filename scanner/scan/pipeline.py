"""The pipeline of a scan: walk, examine in workers, score in batches, journal every record."""

from __future__ import annotations

import logging
import time
from collections import defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from scanner.carving.search import Places
from scanner.containers.zip_names import CP437
from scanner.hashes.hashing import Hashing
from scanner.limits import Limits
from scanner.model.card import ModelCard
from scanner.model.verdict import Score, wants_second_look
from scanner.record import Status, Verdict, safe_text
from scanner.roots import Roots
from scanner.scan import carved
from scanner.scan.batches import Batches, Page, Queued
from scanner.scan.explanations import Explanations
from scanner.scan.journal import Journal
from scanner.scan.recorder import File, Recorder
from scanner.scan.records import storable
from scanner.scan.scorers import Scorer
from scanner.scan.watcher import Progress
from scanner.sources.found import Found, Met
from scanner.sources.walk import walk
from scanner.workers.examined import Examined, Shown
from scanner.workers.pool import CHUNK_BYTES, CHUNK_FILES, Workers, held_bytes

POLL_SECONDS = 0.5
DEATHS_TO_QUARANTINE = 2  # of the scan, with no other file in flight: one may be anybody's kill
QUARANTINED = "the whole scan died twice while this file alone was examined; it was not tried again"

logger = logging.getLogger(__name__)


class Pipeline:
    """Carries a scan from its sources to its journal.

    roots: evidence folders and files. scorers: in whose domain an image lies judges it; of two the
    first. workers: processes. passwords: tried on whatever is encrypted. carve: whether bytes that
    nothing accounts for are searched for pictures. zip_names: the code page of names in zips that
    say nothing of it. trust_anchors: certificates of those whose C2PA signatures are trusted.
    pictures: whether thumbnails are kept. explain: with which verdicts it is found out where in
    such a picture the evidence lies.
    """

    def __init__(
        self,
        roots: Sequence[Path] | Roots,
        scorers: Sequence[Scorer],
        journal: Journal,
        limits: Limits,
        workers: int,
        hashing: Hashing = Hashing(),  # noqa: B008  immutable
        passwords: Sequence[str] = (),
        carve: bool = True,
        zip_names: str = CP437,
        trust_anchors: str = "",
        pictures: bool = False,
        explain: Collection[Verdict] = (),
    ) -> None:
        self._roots = roots
        self._scorers = scorers
        self._journal = journal
        self._limits = limits
        self._worker_count = workers
        self._hashing = hashing
        self._passwords = passwords
        self._carve = carve
        self._zip_names = zip_names
        self._trust_anchors = trust_anchors
        self._pictures = pictures
        self._explanations = Explanations(scorers, explain)
        self._batches = Batches(scorers, self._take_scores)
        # Pages that workers look at a second time, by the identity of what was handed over.
        self._looked_at_again: dict[int, tuple[Found, list[Page]]] = {}
        # Files in whose bytes pictures were found, with where they lie.
        self._to_carve: deque[tuple[File, Found, Places]] = deque()
        # The files that such pictures were found in, by the identity of what is handed over.
        self._origins: dict[int, tuple[Found | Met, File]] = {}
        # Pages queued for scoring, by SHA-256 and number, with those of other files that are equal.
        self._twins: dict[tuple[str | None, int | None], list[Page]] = {}
        self._ticked = time.monotonic()
        self._told = 0  # files that the listener has heard of
        self._recorder = Recorder(journal, scorers)
        self.progress = self._recorder.progress

    def run(self, listener: Callable[[Progress], None]) -> None:
        """Examine everything under the roots that the journal does not hold yet.

        listener: called with the progress so far: at once, with the first file, at least twice a
        second, and at the end.
        """
        self._listener = listener
        views = [_shown(scorer.model.card) for scorer in self._scorers]
        try:
            life = (self._limits, self._hashing, self._carve, self._trust_anchors, self._pictures)
            with Workers(self._worker_count, views, *life) as self._workers:
                try:
                    listener(self.progress)
                    self._examine_all()
                finally:
                    self._journal.settle()
        finally:
            self._batches.close()
        listener(self.progress)

    def _examine_all(self) -> None:
        """Pass every file without a record through the workers."""
        entries = walk(self._roots, self._limits, self._passwords, zip_names=self._zip_names)
        self._hand_over_all(entries, self._hand_over_carved)
        self._finish()
        while self._to_carve:
            self._hand_over_carved()
            self._finish()
        self._journal.check_all_met()

    def _hand_over_all(
        self, entries: Iterable[Found | Met], between: Callable[[], None] = lambda: None
    ) -> None:
        """Hand over those that have no record yet, a chunk whenever there is room for one.

        between: called after each chunk.
        """
        chunk: list[Found] = []
        held = 0
        for entry in entries:
            due = self._tick()
            if self._journal.has(entry.path, entry.position, entry.stamp):
                self._recorder.done_with(self._origin(entry))
                continue
            deaths = self._journal.suspects.get((entry.path, entry.position))
            if isinstance(entry, Met):
                self._recorder.met(entry, Examined(entry.status, entry.error), self._origin(entry))
            elif deaths is None or self._is_only_hashed(entry):
                chunk.append(entry)
                held += held_bytes(entry)
                full = len(chunk) == CHUNK_FILES * self._worker_count or held >= CHUNK_BYTES
                if full or due:
                    self._hand_over(chunk)
                    self._collect(self._workers.room)
                    chunk, held = [], 0
                    between()
            elif deaths < DEATHS_TO_QUARANTINE:
                self._examine_alone(entry)
            else:
                self._journal.answered(entry)
                crashed = Examined(Status.CRASHED, QUARANTINED)
                self._recorder.met(entry, crashed, self._origin(entry))
        self._hand_over(chunk)

    def _hand_over_carved(self) -> None:
        """Hand over the pictures that were found in files' bytes."""
        while self._to_carve:
            file, found, places = self._to_carve.popleft()
            carved_out = carved.entries(found, places, self._limits)
            self._hand_over_all(self._of(file, entry) for entry in carved_out)

    def _of(self, file: File, entry: Found | Met) -> Found | Met:
        """`entry`, noted as found in the bytes of `file`."""
        self._origins[id(entry)] = (entry, file)
        return entry

    def _is_only_hashed(self, found: Found) -> bool:
        """Whether no decoder sees the file, so that no death of the scan can be its fault."""
        if found.fate is not None:
            return True
        if isinstance(found.source, bytes) or found.part or found.stamp is None:
            return False
        return found.stamp.bytes > self._limits.file_bytes

    def _examine_alone(self, suspect: Found) -> None:
        """Examine a file that was in flight when the scan died, with no other beside it."""
        self._finish()
        self._hand_over([suspect])
        self._finish()

    def _hand_over(self, files: Sequence[Found]) -> None:
        self._journal.hand_over(files)
        for found in files:
            self._workers.submit(found)

    def _finish(self) -> None:
        """Go on until everything handed over is recorded."""
        self._collect(lambda: not self._workers.busy())
        while self._batches.busy():
            self._batches.finish()
            self._explain()
            self._collect(lambda: not self._workers.busy())

    def _collect(self, done: Callable[[], bool]) -> None:
        """Take the results that are ready, and wait for more until `done()`."""
        waiting = True
        while waiting:
            waiting = not done()
            for found, examined in self._workers.results(POLL_SECONDS if waiting else 0):
                self._take(found, examined)
                self._explain()
            self._tick()

    def _tick(self) -> bool:
        """Every POLL_SECONDS, and for the first file, commit, tell the listener and return True."""
        now = time.monotonic()
        is_first = self._told == 0 < self.progress.files
        if now - self._ticked < POLL_SECONDS and not is_first:
            return False
        self._ticked, self._told = now, self.progress.files
        self._journal.commit()
        self.progress.reading = self._reading()
        self._listener(self.progress)
        return True

    def _reading(self) -> tuple[str, float] | None:
        """What `Progress.reading` is."""
        found, done = self._workers.reading() or (None, 0)
        size = found.stamp.bytes if found is not None and found.stamp else 0
        return (found.path, done / size) if found is not None and size else None

    def _take(self, found: Found, examined: Examined) -> None:
        """Record what needs no score; queue the rest, each page of distinct content once."""
        if found.again:
            self._take_looks(found, examined)
            return
        self._journal.answered(found)
        # A page that waits for its score holds no other page meanwhile.
        first = examined
        if examined.further or examined.carved is not None:
            first = replace(examined, further=(), carved=None)
        pages = [storable(page) for page in (first, *examined.further)]
        file = File(found, len(pages), origin=self._origin(found))
        file.carved = carved.count(found, examined.carved, self._limits)
        if examined.carved is not None and file.carved:
            self._to_carve.append((file, found, examined.carved))
        # Nor does it hold a member's bytes, but where they may have to be looked at again.
        if held_bytes(found) and not any(map(self._may_be_looked_at_again, pages)):
            file.found = replace(found, source=b"")
        for page in pages:
            self._take_page(Page(file, page))

    def _may_be_looked_at_again(self, page: Examined) -> bool:
        is_new = (page.sha256, page.page) not in self._twins
        return is_new and page.view is not None and page.doubt is None and bool(self._looks(page))

    def _take_page(self, page: Page) -> None:
        examined = page.examined
        key = (examined.sha256, examined.page)
        if examined.view is None or examined.model is None or examined.sha256 is None:
            self._recorder.page(page.file, page.examined, page.score)
        elif (score := self._journal.score(examined.sha256, examined.page)) is not None:
            page.score = score
            self._recorder.page(page.file, page.examined, page.score)
        elif key in self._twins:
            page.examined = replace(examined, view=None, thumbnail=None)
            self._twins[key].append(page)
        else:
            self._twins[key] = []
            self._explanations.hold(page)
            page.examined = replace(examined, view=None)
            self._batches.add(Queued(page, examined.view), examined.model)

    def _take_scores(self, scored: Sequence[tuple[Queued, Score]]) -> None:
        again: dict[File, list[Page]] = defaultdict(list)
        for queued, score in scored:
            page = queued.page
            if queued.covered:
                if self._explanations.answered(page, score):
                    self._record_scored(page, self._explanations.of(page))
                continue
            if queued.look is None or page.score is None:
                page.score = score
            else:
                looks = {**page.score.again, queued.look: score.logit}
                page.score = replace(page.score, again=looks)
            if self._is_wanted_again(page):
                again[page.file].append(page)
            elif not page.score.again or len(page.score.again) == len(self._looks(page.examined)):
                self._take_scored(page)
        if again:
            self._look_again(again)

    def _take_scored(self, page: Page) -> None:
        """Record a page that has its whole score, unless it is to be explained first."""
        if page.view is not None:
            verdict = self._recorder.verdict(page.examined, page.score)
            if self._explanations.take(page, verdict):
                return
        self._record_scored(page)

    def _explain(self) -> None:
        """Queue what is to be asked about pages; never in the midst of queueing others."""
        for queued, model in self._explanations.questions():
            self._batches.add(queued, model)
            self._tick()  # a large model takes seconds for one page

    def _is_wanted_again(self, page: Page) -> bool:
        examined = page.examined
        if page.score is None or examined.model is None:
            return False
        return wants_second_look(page.score, self._card(examined.model), examined.doubt)

    def _look_again(self, again: dict[File, list[Page]]) -> None:
        """Have workers look at pages a second time, at all those of a file in one go."""
        handed_over = []
        for file, pages in again.items():
            numbers = tuple(page.examined.page or 1 for page in pages)
            found = replace(file.found, again=numbers)
            self._looked_at_again[id(found)] = (found, pages)
            file.out += 1
            handed_over.append(found)
        self._hand_over(handed_over)

    def _take_looks(self, found: Found, looked: Examined) -> None:
        """Queue what a worker saw of pages at second sight, where it was of the same bytes."""
        _, pages = self._looked_at_again.pop(id(found))
        file = pages[0].file
        file.out -= 1
        if not file.out:  # its other pages may still be in work
            self._journal.answered(found)
        # A worker that died of it says nothing of single pages.
        outcomes = {each.page: each for each in (looked, *looked.further)}
        for page in pages:
            self._take_look(page, outcomes.get(page.examined.page, looked))

    def _take_look(self, page: Page, looked: Examined) -> None:
        examined = page.examined
        same = (looked.sha256, looked.model) == (examined.sha256, examined.model)
        if looked.view is None or looked.model is None or not same:
            why = looked.error or "it has changed since"
            outcome = replace(examined, error=safe_text(f"no second look was had: {why}"))
            self._recorder.log(page.file.found, outcome)
            self._take_scored(page)
            return
        for look, seen in zip(self._looks(examined), looked.view, strict=True):
            self._batches.add(Queued(page, seen, look), looked.model)

    def _card(self, model: int) -> ModelCard:
        return self._scorers[model].model.card

    def _looks(self, page: Examined) -> Sequence[str]:
        return () if page.model is None else self._card(page.model).looks

    def _record_scored(self, page: Page, explanation: str | None = None) -> None:
        """Record a page that has its whole score, and those with the same bytes."""
        key = (page.examined.sha256, page.examined.page)
        self._recorder.page(page.file, page.examined, page.score, explanation)
        for twin in self._twins.pop(key):
            twin.score = page.score
            self._recorder.page(twin.file, twin.examined, twin.score)

    def _origin(self, entry: Found | Met) -> File | None:
        """The file in whose bytes the entry was found, if it was; asked for once."""
        _, file = self._origins.pop(id(entry), (None, None))
        return file


def _shown(card: ModelCard) -> Shown:
    return Shown(card.domain, card.preprocessing, card.quality, card.looks)
