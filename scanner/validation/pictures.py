"""From the rows of a scan to labelled pictures, with the verdict at each operating point."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from scanner.errors import ImgscanError
from scanner.model.card import ModelCard
from scanner.model.file import ModelFile
from scanner.model.verdict import judged_again
from scanner.record import UNEXAMINED, Record, Status, Verdict
from scanner.validation.labels import CLASSES, Labels


class LabelError(ImgscanError):
    """Nothing is labelled; the sentence says how to label."""


@dataclass(frozen=True)
class Picture:
    """A labelled picture that a model judged.

    verdicts: at each of the model's operating points, in the order of its card. p_fake: None where
    there can be no verdict at any of them, and then `reason` says why.
    """

    path: str
    position: int
    page: int
    sha256: str | None
    label: int
    group: str
    logit: float | None
    p_fake: float | None
    reason: str | None
    verdicts: tuple[Verdict, ...]


@dataclass
class Material:
    """What the labelled paths hold, a file each once: pages beyond the first row are `further`.

    judged: by the name that rows give to a model. outside: pictures in no model's domain, by label.
    unexamined: by label and status. not_images: by label. unlabelled: files that no folder labels,
    archives left out. unopened: of these, by status, those that were not examined, so that there
    may be pictures in them. copies: judged pictures with the bytes of another. contradictory: those
    whose bytes lie under both labels.
    """

    judged: dict[str, list[Picture]]
    outside: Counter[int] = field(default_factory=Counter)
    unexamined: dict[int, Counter[Status]] = field(default_factory=lambda: defaultdict(Counter))
    not_images: Counter[int] = field(default_factory=Counter)
    unlabelled: int = 0
    unopened: Counter[Status] = field(default_factory=Counter)
    further: int = 0
    copies: int = 0
    contradictory: int = 0

    def of(self, label: int) -> int:
        """How many labelled files there are that are, or may be, pictures."""
        judged = sum(it.label == label for found in self.judged.values() for it in found)
        return judged + self.outside[label] + self.unexamined[label].total()


def row_name(model: ModelFile) -> str:
    """What rows call a model."""
    return f"{model.name}@{model.sha256[:12]}"


def points(card: ModelCard) -> list[ModelCard]:
    """The card at each of its operating points, in their order."""
    return [card.at(point.false_positive_rate) for point in card.operating_points]


def gather(records: Iterable[Record], labels: Labels, models: Sequence[ModelFile]) -> Material:
    """Sort the rows of a scan by the models. Raises LabelError where no file has a label."""
    cards = {row_name(model): points(model.card) for model in models}
    found = Material({name: [] for name in cards})
    last = None
    for record in records:
        if record.status is Status.CONTAINER:
            continue
        label = labels.of(record.path)
        if label is None:
            if (record.path, record.position) != last:
                found.unlabelled += 1
                found.unopened[record.status] += record.status in UNEXAMINED
        elif (record.path, record.position) == last:
            found.further += 1
        elif record.status in UNEXAMINED:
            found.unexamined[label.label][record.status] += 1
        elif record.status is not Status.SCORED:
            found.not_images[label.label] += 1
        elif record.model is None:
            found.outside[label.label] += 1
        else:
            verdicts = _verdicts(record, cards[record.model])
            found.judged[record.model].append(
                Picture(
                    record.path, record.position, record.page or 1, record.sha256, label.label,
                    label.group, record.logit, record.p_fake, record.reason, verdicts,
                )
            )  # fmt: skip
        last = (record.path, record.position)
    if not any(map(found.of, CLASSES)):
        raise LabelError(
            "no picture lies in a folder that says what it is; put photographs into a folder "
            "named real, and AI-generated pictures into one named fake."
        )
    _count_copies(found)
    return found


def _verdicts(record: Record, cards: Sequence[ModelCard]) -> tuple[Verdict, ...]:
    return tuple(judged_again(record, card).verdict or Verdict.INCONCLUSIVE for card in cards)


def _count_copies(found: Material) -> None:
    labels: Mapping[str, list[int]] = defaultdict(list)
    for pictures in found.judged.values():
        for picture in pictures:
            if picture.sha256:
                labels[picture.sha256].append(picture.label)
    found.copies = sum(len(of) - 1 for of in labels.values())
    found.contradictory = sum(len(of) for of in labels.values() if len(set(of)) > 1)


def scored(pictures: Sequence[Picture]) -> list[Picture]:
    """Those that may have a verdict, so that their scores say something."""
    return [picture for picture in pictures if picture.p_fake is not None]


def scores(
    pictures: Sequence[Picture], card: ModelCard
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Calibrated logits and labels."""
    logits = np.array([picture.logit for picture in pictures], np.float32)
    return card.calibration.apply(logits), np.array([it.label for it in pictures], np.int64)
