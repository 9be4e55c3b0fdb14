"""Which verdicts hold once a picture was saved again or resized."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from scanner.model.card import ModelCard
from scanner.model.file import ModelFile
from scanner.model.verdict import judged_again
from scanner.record import UNEXAMINED, Record, Verdict
from scanner.scan import Request, Watcher, run_scan
from scanner.sources.found import Found
from scanner.sources.walk import walk
from scanner.validation.copies import copies as own_folder
from scanner.validation.copies import copy_name
from scanner.validation.labels import CLASSES, FAKE
from scanner.validation.pictures import Material, Picture, row_name, scored
from scanner.validation.treated import TREATMENTS, NotTreated, Treater

SEED = 20_240_101  # of the draw: the same pictures each time
FOLDER_BYTES = 2**30  # of treated copies that lie on disk at once
OPPOSITE = {Verdict.FAKE: Verdict.REAL, Verdict.REAL: Verdict.FAKE}
OUTSIDE, UNJUDGED = "outside the model's domain", "not examined"
GONE = "it was not there any more"


@dataclass(frozen=True)
class Copy:
    """A picture after one treatment. after: a verdict, OUTSIDE or UNJUDGED."""

    path: str
    page: int
    label: int
    treatment: str
    before: str
    after: str
    logit: float | None


@dataclass(frozen=True)
class Treated:
    """What became of the verdicts of a class by one treatment.

    had_verdict: of the pictures; `kept`, of these, have the same still. still_none: those that had
    none and have none, which says nothing of whether verdicts hold. turned: fake became real, or
    real fake. made_wrong: verdicts that are wrong and were not before; made_right: those that are
    right and were not.
    """

    treatment: str
    label: int
    pictures: int
    had_verdict: int
    kept: int
    still_none: int
    became_inconclusive: int
    became_verdict: int
    turned: int
    outside: int
    unjudged: int
    made_wrong: int
    made_right: int


@dataclass(frozen=True)
class Flips:
    """failed: why pictures could not be treated, with how many. copies: each by itself."""

    treated: tuple[Treated, ...]
    failed: dict[str, int]
    copies: tuple[Copy, ...]


@dataclass(frozen=True)
class _Drawn:
    model: str
    picture: Picture


def flips(
    request: Request,
    material: Material,
    models: Sequence[ModelFile],
    count: int,
    watcher: Watcher,
) -> dict[str, Flips]:
    """By the name that rows give to a model: of `count` pictures of each class, drawn at random
    from those that may have a verdict, or of all where there are fewer.

    request: that of the scan. Raises ImgscanError where a scan cannot start or finish.
    """
    drawn = {
        (picture.path, picture.position): _Drawn(name, picture)
        for name, pictures in material.judged.items()
        for picture in _drawn(scored(pictures), count)
    }
    copies: dict[str, list[Copy]] = defaultdict(list)
    failed: dict[str, Counter[str]] = defaultdict(Counter)
    cards = {row_name(model): model.card for model in models}
    if drawn:
        watcher.say(f"saving {len(drawn):,} pictures again and resizing them, and scanning that")
    with Treater(request.limits) as treater:
        for batch in _batches(request, drawn, treater, failed):
            for (mine, treatment), record in batch:
                copies[mine.model].append(_copy(mine, treatment, record, cards[mine.model]))
    return {
        name: Flips(
            tuple(_counted(copies[name])),
            dict(sorted(failed[name].items())),
            tuple(sorted(copies[name], key=_place)),
        )
        for name in cards
        if copies[name] or failed[name]
    }


def _copy(mine: _Drawn, treatment: str, record: Record, card: ModelCard) -> Copy:
    """What the row of a treated copy says."""
    picture = mine.picture
    after: str = UNJUDGED if record.status in UNEXAMINED else OUTSIDE
    if record.model == mine.model:
        after = judged_again(record, card).verdict or after
    before = picture.verdicts[0]
    return Copy(picture.path, picture.page, picture.label, treatment, before, after, record.logit)


def _place(copy: Copy) -> tuple[str, int, int]:
    names = [treatment.name for treatment in TREATMENTS]
    return copy.path, copy.page, names.index(copy.treatment)


def _drawn(pictures: Sequence[Picture], count: int) -> Iterator[Picture]:
    for label in CLASSES:
        of_label = [it for it in pictures if it.label == label]
        yield from random.Random(SEED).sample(of_label, min(count, len(of_label)))


Made = tuple[_Drawn, str]  # a picture, and what was done to it


def _batches(
    request: Request,
    drawn: Mapping[tuple[str, int], _Drawn],
    treater: Treater,
    failed: Mapping[str, Counter[str]],
) -> Iterator[Iterable[tuple[Made, Record]]]:
    """What scans of treated copies say, of as many at once as may lie on disk."""
    with own_folder(request) as folder:
        made: dict[str, Made] = {}
        size = 0
        left = dict(drawn)
        for found, mine in _met(request, left):
            try:
                source = found.part or found.source
                files = treater.treat(source, mine.picture.sha256, mine.picture.page)
            except NotTreated as error:
                failed[mine.model][str(error)] += 1
                continue
            for treatment, data in zip(TREATMENTS, files, strict=True):
                name = copy_name(len(made), treatment.suffix)
                (folder / name).write_bytes(data)
                made[name] = (mine, treatment.name)
                size += len(data)
            if size > FOLDER_BYTES:
                yield _scanned(request, folder, made)
                made, size = {}, 0
        if made:
            yield _scanned(request, folder, made)
    for mine in left.values():
        failed[mine.model][GONE] += 1


def _met(request: Request, left: dict[tuple[str, int], _Drawn]) -> Iterator[tuple[Found, _Drawn]]:
    """The drawn pictures, met again where the scan met them; those that are not stay in `left`."""
    entries = walk(request.paths, request.limits, request.passwords) if left else ()
    for entry in entries:
        if isinstance(entry, Found) and (mine := left.pop((entry.path, entry.position), None)):
            yield entry, mine
        if not left:
            return


class _Receiver(Watcher):
    def __init__(self) -> None:
        self.records: list[Record] = []

    def receive(self, records: Iterator[Record], scan: dict[str, Any]) -> None:
        self.records += records


def _scanned(request: Request, folder: Path, made: Mapping[str, Made]) -> list[tuple[Made, Record]]:
    """The rows of the copies, which are then gone."""
    heard = _Receiver()
    again = replace(
        request, paths=(folder,), reports=(), also_written=(), command=(), keep_journal=False
    )
    run_scan(again, heard)
    for name in made:
        (folder / name).unlink()
    return [(made[record.path], record) for record in heard.records]


def _counted(copies: Sequence[Copy]) -> Iterator[Treated]:
    for treatment in TREATMENTS:
        for label in CLASSES:
            mine = [it for it in copies if (it.treatment, it.label) == (treatment.name, label)]
            if mine:
                yield _treated(treatment.name, label, mine)


def _treated(treatment: str, label: int, copies: Sequence[Copy]) -> Treated:
    right = Verdict.FAKE if label == FAKE else Verdict.REAL
    verdicts = (Verdict.FAKE, Verdict.REAL)
    pairs = Counter((it.before, it.after) for it in copies)

    def count(holds: Iterable[bool]) -> int:
        return sum(n for n, it in zip(pairs.values(), holds, strict=True) if it)

    return Treated(
        treatment,
        label,
        len(copies),
        had_verdict=count(a in verdicts for a, _ in pairs),
        kept=count(a in verdicts and a == b for a, b in pairs),
        still_none=count(a == b == Verdict.INCONCLUSIVE for a, b in pairs),
        became_inconclusive=count(a in verdicts and b == Verdict.INCONCLUSIVE for a, b in pairs),
        became_verdict=count(a == Verdict.INCONCLUSIVE and b in verdicts for a, b in pairs),
        turned=count(a in verdicts and b == OPPOSITE[Verdict(a)] for a, b in pairs),
        outside=count(b == OUTSIDE for _, b in pairs),
        unjudged=count(b == UNJUDGED for _, b in pairs),
        made_wrong=count(a != b == OPPOSITE[right] for a, b in pairs),
        made_right=count(a != b == right for a, b in pairs),
    )
