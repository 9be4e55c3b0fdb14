"""Where images come from: folders, and containers told by their first bytes.

Adding a format adds one module, as `scanner.sources.container` describes, and its entry in
CONTAINERS, or in ISOLATED when its parser is to run in a process of its own.
Walking is lazy, opens everything read-only, follows no links and writes nothing.
"""

from __future__ import annotations

import contextlib
import errno
import io
import math
import os
import stat
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import BinaryIO

from scanner.files import Folder, check_read, open_readonly
from scanner.limits import Limits
from scanner.processes import ProcessError
from scanner.record import Status, path_text
from scanner.signatures import is_image
from scanner.sources import appended_zip, compressed, mail, pdf, rar, sevenzip, tar, zip
from scanner.sources.budget import Budget, Metered
from scanner.sources.container import (
    HEAD_BYTES,
    Fate,
    Found,
    Member,
    MemberError,
    Met,
    OverLimit,
    Stamp,
    TooLarge,
    failure,
    read_limited,
)
from scanner.sources.isolated import Readers

ISOLATED = (sevenzip, rar, pdf, mail)
CONTAINERS = (zip, tar, compressed, *ISOLATED, appended_zip)
INSIDE = "!/archive"  # names the container in a file that is something else as well
LONGEST_FOLDER = 65_536  # characters of a folder's path; or one chain of folders never ends
TOO_DEEP = f"its path is longer than {LONGEST_FOLDER:,} characters; what is in it was not read"
BLOCK_BYTES = 512  # in which systems count what a file takes on disk
SPECIAL_FILE = "a device, pipe or socket, not a regular file"


def walk(
    roots: Sequence[Path],
    limits: Limits,
    passwords: Sequence[str] = (),
    total: Budget | None = None,
) -> Iterator[Found | Met]:
    """Everything under `roots`, lazily: a Found for bytes to examine, a Met for what has none.

    Paths are relative to a single root folder, else they start with the root as it was given.
    passwords: tried in turn on whatever is encrypted. total: what may be expanded in all, where
    several walks share it. Whatever an entry does costs that entry, which gets a Met; raises
    ProcessError when no process can be had to read a container.
    """
    total = total or Budget.of_scan(limits)
    with Readers(limits, passwords) as readers:
        for root in roots:
            name = root.name if len(roots) == 1 else str(root)
            yield from _kept(
                path_text(name), _walk_root(root, name, len(roots) == 1, readers, total)
            )


def _walk_root(
    root: Path, name: str, is_single: bool, readers: Readers, total: Budget
) -> Iterator[Found | Met]:
    mode = root.stat().st_mode
    place = root.resolve()  # a link that the user names is followed; workers are elsewhere
    if stat.S_ISDIR(mode):
        yield from _walk_folders(str(place), "" if is_single else f"{root}{os.sep}", readers, total)
    elif stat.S_ISREG(mode):
        with open_readonly(place) as stream:
            yield from _open_file(stream, path_text(name), readers, total)
    else:
        yield Met(path_text(name), 0, Status.UNSUPPORTED, SPECIAL_FILE)


def _kept(text: str, entries: Iterator[Found | Met]) -> Iterator[Found | Met]:
    """What becomes of the one entry `text`, whose trouble, of any kind, becomes its row."""
    last = None
    try:
        for last in entries:
            yield last
    except ProcessError:  # the scan's trouble, not the entry's
        raise
    except Exception as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        sentence = f"it cannot be read: {path_text(reason)}"
        if last is None:
            yield Met(text, 0, Status.UNREADABLE, sentence)
        else:  # the entry has its row, and this is of what lies inside
            yield Met(f"{text}{INSIDE}", last.position + 1, Status.UNREADABLE, sentence)


@dataclass
class _Level:
    """A folder that a walk is in, and those in it that are still to be met."""

    name: str
    identity: tuple[int, int] | None
    subfolders: list[str] = field(default_factory=list)


def _walk_folders(top: str, prefix: str, readers: Readers, total: Budget) -> Iterator[Found | Met]:
    """All that lies in the folder `top`, whose entries' names begin with `prefix`.

    Subfolders come after files. Whatever the depth, two folders are open at most, and all that is
    kept is the names of those still to be met.
    """
    try:
        folder = Folder(top)
    except OSError as error:
        yield _unreadable(prefix or ".", error)
        return
    path = top.rstrip(os.sep)
    levels = [_Level("", folder.identity)]
    try:
        yield from _list(folder, prefix, levels[-1].subfolders, readers, total)
        while True:
            if not levels[-1].subfolders:
                left = len(levels.pop().name) + 1
                if not levels:
                    return
                path, prefix = path[:-left], prefix[:-left]
                folder = _above(folder, path or os.sep, levels[-1].identity)
                continue
            name = levels[-1].subfolders.pop()
            inner = f"{prefix}{name}{os.sep}"
            if len(inner) > LONGEST_FOLDER:
                yield Met(path_text(inner), 0, Status.OVER_LIMIT, TOO_DEEP)
                continue
            try:
                inmost = Folder(f"{path}{os.sep}{name}", folder)
            except OSError as error:
                yield _unreadable(inner, error)
                continue
            folder.close()
            folder, path, prefix = inmost, inmost.path, inner
            levels.append(_Level(name, folder.identity))
            yield from _list(folder, prefix, levels[-1].subfolders, readers, total)
    finally:
        folder.close()


def _above(folder: Folder, path: str, identity: tuple[int, int] | None) -> Folder:
    """The folder at `path`, which `folder` lies in; itself where that cannot be opened any more."""
    try:
        above = Folder(path, folder, identity)
    except OSError:  # the rows of what is still to be met there will say so
        return folder
    folder.close()
    return above


def _unreadable(name: str, error: OSError) -> Met:
    reason = f"the folder cannot be read: {error.strerror}"
    return Met(path_text(name), 0, Status.UNREADABLE, reason)


def _list(
    folder: Folder, prefix: str, subfolders: list[str], readers: Readers, total: Budget
) -> Iterator[Found | Met]:
    """The entries of one folder but for its subfolders, whose names are added to `subfolders`."""
    entries = folder.entries()
    while True:
        try:
            entry = next(entries, None)
        except OSError as error:
            reason = f"the folder could be listed only in part: {error.strerror}"
            yield Met(path_text(prefix or "."), 0, Status.UNREADABLE, reason)
            return
        if entry is None:
            return
        text = path_text(f"{prefix}{entry.name}")
        yield from _kept(text, _meet(entry, folder, text, subfolders, readers, total))


def _meet(
    entry: os.DirEntry[str],
    folder: Folder,
    text: str,
    subfolders: list[str],
    readers: Readers,
    total: Budget,
) -> Iterator[Found | Met]:
    if Path(entry.name).name != entry.name:  # of a damaged file system; it would lead elsewhere
        yield Met(text, 0, Status.UNREADABLE, "the folder lists a name that no file can have")
        return
    mode = entry.stat(follow_symlinks=False).st_mode
    if stat.S_ISDIR(mode):
        subfolders.append(entry.name)
    elif stat.S_ISREG(mode):
        with folder.open(entry.name) as stream:
            yield from _open_file(stream, text, readers, total)
    elif stat.S_ISLNK(mode):
        reason = "a symbolic link; links are not followed, name its target to scan it"
        yield Met(text, 0, Status.UNSUPPORTED, reason)
    else:
        yield Met(text, 0, Status.UNSUPPORTED, SPECIAL_FILE)


def _open_file(
    stream: BinaryIO, text: str, readers: Readers, total: Budget
) -> Iterator[Found | Met]:
    facts = os.fstat(stream.fileno())
    stamp = Stamp(facts.st_size, facts.st_mtime_ns)
    if holes := _mostly_holes(stream, facts, readers.limits):
        yield Met(text, 0, Status.OVER_LIMIT, holes, stamp)
        return
    # Members of one name may each be an archive: only counting through them all tells what is in
    # the one from what is in the other.
    order = count(1)
    for entry in _open(stream, Path(stream.name), stamp.bytes, text, 0, 1, readers, total):
        yield replace(entry, position=next(order) if entry.position else 0, stamp=stamp)


def _mostly_holes(stream: BinaryIO, facts: os.stat_result, limits: Limits) -> str | None:
    """A sentence for a sparse file: reading it takes as long as it claims to be."""
    stored = getattr(facts, "st_blocks", math.inf) * BLOCK_BYTES  # Windows does not say
    if facts.st_size <= max(limits.file_bytes, limits.ratio * stored):
        return None
    if not stored and _has_data(stream):  # some drivers of file systems do not say either
        return None
    return (
        f"a file of {facts.st_size:,} bytes, more than {limits.ratio:,} times the {stored:,} that "
        "are stored; it was not read"
    )


def _has_data(stream: BinaryIO) -> bool:
    """Whether a file is more than one hole; `stream` is left at its beginning."""
    try:
        os.lseek(stream.fileno(), 0, os.SEEK_DATA)
    except OSError as error:
        return error.errno != errno.ENXIO
    os.lseek(stream.fileno(), 0, os.SEEK_SET)
    return True


def _container(stream: BinaryIO) -> tuple[ModuleType | None, bool]:
    """The module for the container in `stream`, None for any other file; rewinds.

    The flag says that the file is more than the container, such as an image with a zip behind it.
    """
    head = stream.read(HEAD_BYTES)
    found = next((kind for kind in CONTAINERS if _recognises(kind, head, stream)), None)
    check_read(stream)
    stream.seek(0)
    is_behind_content = found is appended_zip and not head.startswith(appended_zip.PROGRAMS)
    return found, found is not None and (is_behind_content or is_image(head))


def _recognises(kind: ModuleType, head: bytes, stream: BinaryIO) -> bool:
    """Whether `stream`, which is left anywhere, is of the kind."""
    stream.seek(0)
    with contextlib.suppress(Exception):  # what a parser chokes on may still be an image
        return bool(kind.recognises(head, stream))
    return False


def _open(
    stream: BinaryIO,
    source: Path | bytes,
    size: int,
    path: str,
    position: int,
    depth: int,
    readers: Readers,
    outer: Budget,
) -> Iterator[Found | Met]:
    """What `source` is, `size` bytes that `stream` reads: a file, or a container with its members.

    A container's own row comes last, when its fate is known. What is a file as well has the row of
    that file, and one for the container only where that was not opened; so has a zip behind a
    container whose parser would not see it.
    """
    kind, is_more = _container(stream)
    if kind is None or is_more:
        yield Found(path, position, source)
    if kind is None:
        return
    name = f"{path}{INSIDE}" if is_more else path
    fate = yield from _expand(kind, stream, size, name, depth, readers, outer)
    if not is_more:
        yield Found(path, position, source, fate=fate)
    elif fate.status is not Status.CONTAINER:
        yield Met(name, position or 1, fate.status, fate.error)
    is_zip_behind = kind in ISOLATED and _recognises(appended_zip, b"", stream)
    check_read(stream)
    if is_zip_behind:
        name = f"{name}{INSIDE}"
        fate = yield from _expand(appended_zip, stream, size, name, depth, readers, outer)
        if fate.status is not Status.CONTAINER:
            yield Met(name, position or 1, fate.status, fate.error)


def _expand(
    kind: ModuleType,
    stream: BinaryIO,
    size: int,
    name: str,
    depth: int,
    readers: Readers,
    outer: Budget,
) -> Generator[Found | Met, None, Fate]:
    """The members of the container in `stream`, `size` stored bytes; nested ones recurse."""
    limits = readers.limits
    noun = f"{'an' if kind.NOUN[0] in 'aeiou' else 'a'} {kind.NOUN}"
    if depth > limits.depth:
        reason = f"archives nested deeper than the limit of {limits.depth}"
        return Fate(noun, Status.OVER_LIMIT, reason)
    budget = outer.of_archive(size, limits)
    # A module that passes over content it expands is held to the same bytes.
    left = replace(limits, archive_bytes=budget.room())
    members = partial(readers.members, kind) if kind in ISOLATED else kind.members
    number = 0
    try:
        for number, member in enumerate(members(stream, name, left, readers.passwords), 1):
            if number > limits.members:
                raise OverLimit(f"more than {limits.members:,} members")
            read = _read_member(member, number, budget, limits)
            if isinstance(read, Met):
                yield read
                continue
            inner, size = io.BytesIO(read), len(read)
            yield from _open(inner, read, size, member.path, number, depth + 1, readers, budget)
        check_read(stream)
    except ProcessError:
        raise
    except Exception as error:  # parsers raise nearly anything on hostile bytes
        return Fate(noun, *failure(error, kind.NOUN))
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
