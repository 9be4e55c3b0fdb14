"""What a walk yields."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from scanner.carving.gaps import Gaps
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
    """A stretch of a file on disk, from `start` to `stop`, that is a picture.

    stamp: of the file when the picture was found in it.
    """

    path: Path
    start: int
    stop: int
    stamp: Stamp | None


@dataclass(frozen=True)
class Found:
    """Bytes to examine: a file of its own, or what was in one and is already in memory.

    stamp: of the file on disk that this is or lies in. fate: of a container, once it was read as
    far as it goes; only the hashes of its bytes are still wanted. gaps: where a search for pictures
    may look, None for everywhere. part: what of `source` it is, where not all. again: the pages
    that are to be looked at a second time; nothing else is wanted then.
    """

    path: str
    position: int
    source: Path | bytes
    stamp: Stamp | None = None
    fate: Fate | None = None
    gaps: Gaps | None = None
    part: Part | None = None
    again: tuple[int, ...] = ()


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
