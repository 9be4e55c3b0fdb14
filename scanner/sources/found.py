"""What a walk yields."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

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


@dataclass(frozen=True)
class Found:
    """Bytes to examine: a file of its own, or a member already read into memory.

    stamp: of the file on disk that this is or lies in. fate: of a container, once it was read as
    far as it goes; only the hashes of its bytes are still wanted. again: the pages that are to be
    looked at a second time; nothing else is wanted then.
    """

    path: str
    position: int
    source: Path | bytes
    stamp: Stamp | None = None
    fate: Fate | None = None
    again: tuple[int, ...] = ()


@dataclass(frozen=True)
class Met:
    """Something that cannot be examined, and why."""

    path: str
    position: int
    status: Status
    error: str
    stamp: Stamp | None = None
