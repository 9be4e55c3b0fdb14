"""Where in pages the evidence lies: which of them a model is asked about again, and what it says.

That takes many looks of the model at each, which are queued among all others. No more pages wait to
be asked about than one file has, or the batches in flight.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Collection, Iterator, Sequence

from scanner.model.verdict import Score
from scanner.occlusion import covered
from scanner.preprocess import Preprocessing
from scanner.record import Verdict
from scanner.scan.batches import Page, Queued
from scanner.scan.pictures import explanation
from scanner.scan.scorers import Scorer


class Explanations:
    """verdicts: of the pages that are to be explained.

    A page that is held may be taken once it has its score; then all questions about it are to be
    asked, and the last answer tells that it is explained.
    """

    def __init__(self, scorers: Sequence[Scorer], verdicts: Collection[Verdict]) -> None:
        self._scorers = scorers
        self._verdicts = verdicts
        self._waiting: deque[Page] = deque()

    def hold(self, page: Page) -> None:
        """Let a page keep its view until its verdict is known, if it may be needed by then."""
        if self._verdicts and page.examined.thumbnail is not None:  # else it would show nowhere
            page.view = page.examined.view

    def take(self, page: Page, verdict: Verdict | None) -> bool:
        """Whether a page that has its whole score is to be explained, and so waits for that."""
        has_logit = page.score is not None and math.isfinite(page.score.logit)
        if page.view is None or verdict not in self._verdicts or not has_logit:
            return False
        self._waiting.append(page)
        return True

    def questions(self) -> Iterator[tuple[Queued, int]]:
        """What to ask which model, until no page waits."""
        while self._waiting:
            page = self._waiting.popleft()
            view, model = page.view, page.examined.model
            if view is not None and model is not None:
                page.view = None
                asked = covered(view, self._preprocessing(model))
                page.parts = len(asked)
                yield from ((Queued(page, part, covered=True), model) for part in asked)

    def answered(self, page: Page, score: Score) -> bool:
        """Take the next answer about a page; whether it was the last."""
        page.logits.append(score.logit)
        return len(page.logits) == page.parts

    def of(self, page: Page) -> str | None:
        """What the answers come to."""
        shown, model = page.examined.shown, page.examined.model
        if shown is None or model is None or page.score is None:
            return None
        return explanation(shown, self._preprocessing(model), page.score.logit, page.logits)

    def _preprocessing(self, model: int) -> Preprocessing:
        return self._scorers[model].model.card.preprocessing
