"""What a walk yields."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from scanner.carving.coded import PLAIN
from scanner.carving.gaps import Gaps
from scanner.containers.sources import Source, files_of
from scanner.files import file_facts
from scanner.record import Status


class Stamp(NamedTuple):
    """Tells whether a file on disk changed between two runs of a scan."""

    bytes: int
    modified_ns: int


class Fate(NamedTuple):
    """What became of a container. noun: what it is, such as "an archive"."""

    noun: str
    status: Status
    error: str


CARVED = "!/carved-"  # in the path of what was found in bytes, behind that of the file


class Part(NamedTuple):
    """A stretch of what `source` holds, from `start` to `stop`, that is a picture.

    stamp: of the source when the picture was found in it. coding: what it is written in there.
    """

    source: Source | Part
    start: int
    stop: int
    stamp: Stamp | None
    coding: str = PLAIN


@dataclass(frozen=True)
class Found:
    """Bytes to examine: a file of its own, or what is in one.

    stamp: of the file on disk that this is or lies in. fate: of a container, once it was read as
    far as it goes; only the hashes of its bytes are still wanted. gaps: where a search for pictures
    may look, None for everywhere. holds_disk: whether it is the image of a disk that has an entry
    of its own, so that only what the disk leaves of it is searched. part: what of `source` it is,
    where not all. again: the pages that are to be looked at a second time; nothing else is wanted
    then.
    """

    path: str
    position: int
    source: Source
    stamp: Stamp | None = None
    fate: Fate | None = None
    gaps: Gaps | None = None
    holds_disk: bool = False
    part: Part | None = None
    again: tuple[int, ...] = ()


def stamp_of(source: Source) -> Stamp:
    """Of the files that it lies in, as one. Raises OSError."""
    facts = [file_facts(path) for path in files_of(source)]
    return Stamp(sum(it.st_size for it in facts), max((it.st_mtime_ns for it in facts), default=0))


def carved_range(path: str) -> tuple[str, str]:
    """Between which two paths those lie of what was found in the bytes of the file at `path`."""
    return f"{path}{CARVED}", f"{path}{CARVED[:-1]}."  # the character behind the dash


@dataclass(frozen=True)
class Met:
    """Something that cannot be examined, and why."""

    path: str
    position: int
    status: Status
    error: str
    stamp: Stamp | None = None
