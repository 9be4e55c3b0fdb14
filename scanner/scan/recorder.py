"""What becomes of pages and files, into the journal: each file once, when all of it is known."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from scanner.log import FACTS
from scanner.model.verdict import NO_JUDGEMENT, Judgement, Score, judge, outside
from scanner.record import UNEXAMINED, Status, Verdict, safe_text
from scanner.scan.journal import Journal
from scanner.scan.scorers import Scorer
from scanner.scan.watcher import Progress
from scanner.sources.found import Found, Met
from scanner.workers.examined import Examined

logger = logging.getLogger(__name__)


@dataclass(eq=False)
class File:
    """One of which pages are still to be recorded, in any order; with the last it is done.

    found: of a member with its bytes only while a page may have to be looked at again. out: how
    often it is with workers for that. carved: how many pictures that were found in its bytes have
    no record yet, which must come before its own. origin: of such a picture, the file that it was
    found in. last: what is to be recorded with the file.
    """

    found: Found
    pages: int
    out: int = 0
    carved: int = 0
    origin: File | None = None
    last: Outcome | None = None


class Outcome(NamedTuple):
    """What is to be recorded of a page."""

    examined: Examined
    model: str | None
    score: Score | None
    judgement: Judgement
    explanation: str | None = None


class Recorder:
    """Judges by the cards of `scorers`, and counts what it records in `progress`."""

    def __init__(self, journal: Journal, scorers: Sequence[Scorer]) -> None:
        self.progress = Progress()
        self._journal = journal
        self._scorers = scorers
        self._domains = [scorer.model.card.domain for scorer in scorers]

    def verdict(self, examined: Examined, score: Score | None) -> Verdict | None:
        """What a record will say of a page."""
        return self._outcome(examined, score).judgement.verdict

    def page(
        self,
        file: File,
        examined: Examined,
        score: Score | None,
        explanation: str | None = None,
    ) -> None:
        """Record a page of a file, and with the last that is due of it the file."""
        outcome = self._outcome(examined, score)._replace(explanation=explanation)
        self._count(file.found, outcome)
        file.pages -= 1
        is_of_bytes = file.found.fate is None and outcome.examined.sha256 is not None
        if (file.pages or file.carved) and is_of_bytes:
            self._journal.add_page(*outcome)
            # The journal has its picture; the file may wait long for what was found in its bytes.
            outcome = outcome._replace(examined=replace(outcome.examined, thumbnail=None))
        if file.pages == 0:
            file.last = outcome
            self._file(file)

    def _file(self, file: File) -> None:
        """Record a file once all of it is known, and all that was found in its bytes recorded."""
        if file.carved or file.last is None:
            return
        found = file.found
        noun = found.fate.noun if found.fate else None
        # How much of it is searched depends on what of the archive in it was opened.
        by_place = found.gaps is not None
        self._journal.add(found.path, found.position, *file.last, found.stamp, noun, by_place)
        self.progress.files += 1
        self.done_with(file.origin)

    def met(self, entry: Found | Met, examined: Examined, origin: File | None) -> None:
        """Record an entry that is of one piece; `origin` is the file that it was found in."""
        outcome = self._outcome(examined, None)
        self._count(entry, outcome)
        self._journal.add(entry.path, entry.position, *outcome, entry.stamp)
        self.progress.files += 1
        self.done_with(origin)

    def done_with(self, origin: File | None) -> None:
        """A picture that was found in the bytes of `origin` has its record."""
        if origin is not None:
            origin.carved -= 1
            self._file(origin)

    def _outcome(self, examined: Examined, score: Score | None) -> Outcome:
        # A decoder may quote any byte of the file.
        if examined.error and (told := safe_text(examined.error)) != examined.error:
            examined = replace(examined, error=told)
        model, judgement = None, NO_JUDGEMENT
        if examined.model is not None and score is not None:
            scorer = self._scorers[examined.model]
            model, judgement = scorer.name, judge(score, scorer.model.card, examined.doubt)
        elif examined.status is Status.SCORED and examined.width and examined.height:
            judgement = outside((examined.width, examined.height), self._domains)
        return Outcome(examined, model, score, judgement)

    def _count(self, entry: Found | Met, outcome: Outcome) -> None:
        self.progress.fakes += outcome.judgement.verdict is Verdict.FAKE
        if outcome.examined.status in UNEXAMINED:
            self.progress.unexamined += 1
            self.log(entry, outcome.examined)

    def log(self, entry: Found | Met, examined: Examined) -> None:
        """Tell the log what of an entry was not examined."""
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
