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
from scanner.record import UNEXAMINED, Record, Status, Verdict, split_path
from scanner.scan.name_mismatch import FORMATS
from scanner.validation.labels import CLASSES, Labels

# Those of formats that are read, and those of pictures that are not.
PICTURE_SUFFIXES = frozenset(FORMATS) | {"bpg", "exr", "hdr", "jxl", "jxr", "xcf"}


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
    unexamined: pictures, by label and status. closed: by the same, files that were not examined and
    may hold any number of pictures, as archives do, so that they count as no picture. not_images:
    by label. unlabelled: files that no folder labels, archives left out. unopened: of these, by
    status, those that were not examined, so that there may be pictures in them. further_unexamined:
    of `further`, by status. copies: judged pictures with the bytes of another. contradictory: those
    whose bytes lie under both labels.
    """

    judged: dict[str, list[Picture]]
    outside: Counter[int] = field(default_factory=Counter)
    unexamined: dict[int, Counter[Status]] = field(default_factory=lambda: defaultdict(Counter))
    closed: dict[int, Counter[Status]] = field(default_factory=lambda: defaultdict(Counter))
    not_images: Counter[int] = field(default_factory=Counter)
    unlabelled: int = 0
    unopened: Counter[Status] = field(default_factory=Counter)
    further: int = 0
    further_unexamined: Counter[Status] = field(default_factory=Counter)
    copies: int = 0
    contradictory: int = 0

    def of(self, label: int) -> int:
        """How many labelled pictures there are."""
        judged = sum(it.label == label for found in self.judged.values() for it in found)
        return judged + self.outside[label] + self.unexamined[label].total()

    @property
    def not_examined(self) -> int:
        """How many files and further pages were not, labelled or not."""
        by_label = (*self.unexamined.values(), *self.closed.values())
        return sum(it.total() for it in (*by_label, self.unopened, self.further_unexamined))


def row_name(model: ModelFile) -> str:
    """What rows call a model."""
    return f"{model.name}@{model.sha256[:12]}"


def points(card: ModelCard) -> list[ModelCard]:
    """The card at each of its operating points, in their order."""
    return [card.at(point.false_positive_rate) for point in card.operating_points]


def gather(records: Iterable[Record], labels: Labels, models: Sequence[ModelFile]) -> Material:
    """Sort the rows of a scan by the models. Raises LabelError where no picture has a label."""
    cards = {row_name(model): points(model.card) for model in models}
    found = Material({name: [] for name in cards})
    last = None
    for record in records:
        if record.status is Status.CONTAINER:
            continue
        label = labels.of(record.path)
        if (record.path, record.position) == last:
            found.further += 1
            found.further_unexamined[record.status] += record.status in UNEXAMINED
        elif label is None:
            found.unlabelled += 1
            found.unopened[record.status] += record.status in UNEXAMINED
        elif record.status in UNEXAMINED:
            kind = found.unexamined if _is_picture(record) else found.closed
            kind[label.label][record.status] += 1
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
    if not any(found.of(label) or found.closed[label] for label in CLASSES):
        raise LabelError(
            "no picture lies in a folder that says what it is; put photographs into a folder "
            "named real, and AI-generated pictures into one named fake."
        )
    _count_copies(found)
    return found


def _is_picture(record: Record) -> bool:
    """Whether a file that was not examined is one picture, and not what may hold any number.

    So it is if some of it was decoded, or by its name, unless its bytes are known for others; all
    else, such as broken archives, locked folders and files without a suffix, may hold more.
    """
    _, dot, suffix = split_path(record.path)[1].rpartition(".")
    is_named = bool(dot) and suffix.lower() in PICTURE_SUFFIXES
    return record.format is not None or (is_named and record.name_mismatch is None)


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
