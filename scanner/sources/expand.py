"""A file with all that is in it: what it is, and of a container the members, however deep."""

from __future__ import annotations

import io
import os
from array import array
from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO

from scanner.carving.gaps import Gaps
from scanner.containers import appended_zip, disk
from scanner.containers.budget import Budget, Metered
from scanner.containers.container import (
    TO_THE_END,
    Member,
    MemberError,
    OverLimit,
    TooLarge,
    failure,
    read_limited,
)
from scanner.containers.registry import ACCOUNTING, ISOLATED, ZIPS, container_of, recognises
from scanner.containers.sources import Disk, Joined, open_source
from scanner.files import check_read, trouble_of
from scanner.limits import Limits
from scanner.processes import ProcessError
from scanner.record import Status
from scanner.sources.found import Fate, Found, Met, Stamp, stamp_of
from scanner.sources.holes import mostly_holes
from scanner.sources.isolated import Readers
from scanner.sources.split import Split, Splits, number_inside

INSIDE = "!/archive"  # names the container in a file that is something else as well
DISK = "!/disk"  # names the disk in an image of a format of its own
JOINED = "!/joined"  # names what several files make up
THE_DISK = Fate("a disk", Status.CONTAINER, "the disk in the image, with what no file takes of it")
NOT_OPENED = (Status.UNSUPPORTED, Status.OVER_LIMIT)  # fates of images whose disk is not read
NO_GAPS = Gaps([])
NOTHING = array("Q")


@dataclass(frozen=True)
class Means:
    """What files are opened with: readers of containers, sets of parts, bytes to be expanded."""

    readers: Readers
    splits: Splits
    total: Budget


def open_file(stream: BinaryIO, text: str, means: Means) -> Iterator[Found | Met]:
    """All that the file called `text` comes to, which `stream` reads, and what it holds."""
    readers, total = means.readers, means.total
    facts = os.fstat(stream.fileno())
    stamp = Stamp(facts.st_size, facts.st_mtime_ns)
    if holes := mostly_holes(stream, readers.limits):
        yield Met(text, 0, Status.OVER_LIMIT, holes, stamp)
        return
    path = Path(stream.name)
    split = means.splits.of(path, stream)
    if split is not None and (fate := _fate_of_part(path, split)) is not None:
        gaps = NO_GAPS if fate.status is Status.CONTAINER and split.parts.is_joined else None
        yield Found(text, 0, path, stamp, fate, gaps)
    elif split is not None and split.parts.is_joined:
        parts = Joined(split.parts.found, path)
        with open_source(parts) as joined:
            size = joined.seek(0, os.SEEK_END)
            joined.seek(0)
            entries = _opened(joined, parts, size, text, 0, 1, readers, total)
            yield from _numbered(entries, stamp, stamp_of(parts))
    else:
        entries = _opened(stream, path, stamp.bytes, text, 0, 1, readers, total)
        yield from _numbered(entries, stamp, stamp)


def _numbered(entries: Iterator[Found | Met], stamp: Stamp, inside: Stamp) -> Iterator[Found | Met]:
    """`entries`, with their places among all that is in a file.

    Members of one name may each be an archive: only counting through them all tells what is in the
    one from what is in the other. stamp: of the file. inside: of what is in it, which may lie in
    others as well.
    """
    order = count(1)
    for entry in entries:
        if entry.position:
            yield replace(entry, position=next(order), stamp=inside)
        else:
            yield replace(entry, stamp=stamp)


def _fate_of_part(path: Path, split: Split) -> Fate | None:
    """What becomes of a file that is a part; None for the one by which all of them are read."""
    number, parts = split
    a_part = f"part {number:,} of {parts.kind}"
    if parts.missing is not None:
        why = f"{a_part}, without its part {parts.missing:,}"
        return Fate("a part", Status.UNSUPPORTED, why)
    if path == parts.owner:
        return None
    return Fate("a part", Status.CONTAINER, f"{a_part}, which is read with {parts.owner.name}")


def _opened(
    stream: BinaryIO,
    source: Path | bytes | Joined,
    size: int,
    path: str,
    position: int,
    depth: int,
    readers: Readers,
    outer: Budget,
) -> Iterator[Found | Met]:
    """What `source` is, `size` bytes that `stream` reads: a file, or a container with its members.

    A container's own row comes last, when its fate is known, and where in it no member lies. What
    is a file as well has the row of that file, and one for the container only where that was not
    opened; so has a zip behind a container whose parser would not see it.
    """
    if isinstance(source, bytes) and (number := number_inside(path, source)):
        why = f"part {number:,} of a split archive, inside another; unpack that to scan it"
        yield Found(path, position, source, fate=Fate("a part", Status.UNSUPPORTED, why))
        return
    kind, is_more = container_of(stream)
    if kind is None:
        yield from _own(path, position, source)
        return
    accounted = array("Q")
    name = f"{path}{INSIDE}" if is_more else path
    fate = yield from _expand(kind, stream, source, size, name, depth, readers, outer, accounted)
    if is_more and fate.status is not Status.CONTAINER:
        yield Met(name, position or 1, fate.status, fate.error)
    has_zip_behind = _has_zip_behind(kind, stream, size, accounted)
    check_read(stream)
    if has_zip_behind:
        name = f"{name}{INSIDE}"
        behind = yield from _expand(
            appended_zip, stream, source, size, name, depth, readers, outer, accounted
        )
        if behind.status is not Status.CONTAINER:
            yield Met(name, position or 1, behind.status, behind.error)
    holds_disk = kind is disk and disk.holds_disk(stream)
    # One that a limit refused has no members; in what a limit ended there is more to be searched.
    is_kept = holds_disk and (fate.status not in NOT_OPENED or len(accounted) > 0)
    if holds_disk and not is_kept:
        accounted = NOTHING
    gaps = Gaps.all_but(accounted, TO_THE_END if is_kept else size, kind in ACCOUNTING)
    if is_kept:
        yield Found(f"{path}{DISK}", position or 1, Disk(source), fate=THE_DISK, gaps=gaps)
    its_own = _own(path, position, source, None if is_more else fate, None if is_kept else gaps)
    yield from (replace(entry, holds_disk=is_kept and entry.gaps is None) for entry in its_own)


def _has_zip_behind(kind: ModuleType, stream: BinaryIO, size: int, accounted: array[int]) -> bool:
    """Whether a zip lies behind a container whose parser would not see it, and is no member."""
    if kind not in ISOLATED or not recognises(appended_zip, b"", stream):
        return False
    end = appended_zip.end_record(stream) or 0
    return any(Gaps.all_but(accounted, size).within(end, end + 1))


def _own(
    path: str,
    position: int,
    source: Path | bytes | Joined,
    fate: Fate | None = None,
    gaps: Gaps | None = None,
) -> Iterator[Found]:
    """The row of what was opened; of what several files make up also that of the first of them."""
    if isinstance(source, Joined):
        yield Found(f"{path}{JOINED}", position or 1, source, fate=fate, gaps=gaps)
        why = f"one of {len(source.parts):,} parts; what they make up has rows of its own"
        source, fate, gaps = source.owner, Fate("a part", Status.CONTAINER, why), NO_GAPS
    yield Found(path, position, source, fate=fate, gaps=gaps)


def _expand(
    kind: ModuleType,
    stream: BinaryIO,
    source: Path | bytes | Joined,
    size: int,
    name: str,
    depth: int,
    readers: Readers,
    outer: Budget,
    accounted: array[int],
) -> Generator[Found | Met, None, Fate]:
    """The members of the container in `stream`, `size` stored bytes; nested ones recurse.

    accounted: takes start and stop of each stretch of the container that is a member, once read.
    """
    limits = readers.limits
    noun = f"{'an' if kind.NOUN[0] in 'aeiou' else 'a'} {kind.NOUN}"
    if depth > limits.depth:
        reason = f"archives nested deeper than the limit of {limits.depth}"
        return Fate(noun, Status.OVER_LIMIT, reason)
    budget = outer.of_disk(size, limits) if kind is disk else outer.of_archive(size, limits)
    # A module that passes over content it expands is held to the same bytes.
    left = replace(limits, archive_bytes=budget.room())
    how: tuple[Any, ...] = (name, left, readers.passwords)
    if kind in ZIPS:
        how += (readers.zip_names,)
    number = 0
    try:
        members = (
            readers.members(kind, source, *how) if kind in ISOLATED else kind.members(stream, *how)
        )
        for number, member in enumerate(members, 1):
            if number > limits.members:
                raise OverLimit(f"more than {limits.members:,} members")
            read = _read_member(member, number, budget, limits)
            # Of what is damaged, more may be found than its reader could.
            if not isinstance(read, Met) or read.status is not Status.UNREADABLE:
                accounted.extend(place for stretch in member.stored for place in stretch)
            if isinstance(read, Met):
                yield read
                continue
            inner, size = io.BytesIO(read), len(read)
            yield from _opened(inner, read, size, member.path, number, depth + 1, readers, budget)
        check_read(stream)
    except ProcessError:
        raise
    except Exception as error:  # parsers raise nearly anything on hostile bytes
        return Fate(noun, *failure(trouble_of(stream) or error, kind.NOUN))
    if number == 0:
        return Fate(noun, Status.NOT_IMAGE, f"{noun} without files")
    return Fate(noun, Status.CONTAINER, f"{noun}; what is in it has rows of its own")


def _read_member(member: Member, number: int, budget: Budget, limits: Limits) -> bytes | Met:
    """A member's content, or its row when it cannot be had.

    Raises OverLimit when the archive's `budget` of expanded bytes runs out.
    """
    if member.open is None:
        return Met(member.path, number, member.status or Status.UNSUPPORTED, member.error or "")
    try:
        with member.open() as content:
            return read_limited(Metered(content, budget), limits.file_bytes)
    except TooLarge as error:
        sentence = f"larger than the limit of {error.limit:,} bytes"
        return Met(member.path, number, Status.OVER_LIMIT, sentence)
    except MemberError as error:
        return Met(member.path, number, error.status, str(error))
