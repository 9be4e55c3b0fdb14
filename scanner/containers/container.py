"""What every container module gives.

A container module has
    NOUN, what it reads, as its rows call it;
    recognises(head, stream), told by the first HEAD_BYTES, which were read from the seekable
        `stream`; it may read on, the caller rewinds;
    members(stream, name, limits, passwords), lazily, from a `stream` at position 0. Each member
        is read before the next is asked for. In place of one, those of ISOLATED in the registry
        may give None now and then, to say that they go on. Those of ZIPS also take the code page
        of old names. Any exception means that the container is damaged, unless it is one of those
        below. `limits.archive_bytes` is what may still be expanded.
"""

from __future__ import annotations

import errno
import io
import re
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from scanner.record import Status, path_text

HEAD_BYTES = 512  # enough for every magic number; tar's lies at byte 257
CHUNK_BYTES = 1 << 20
LONGEST_DETAIL = 300
ADDRESS = re.compile(r"\b(?:0x[0-9a-fA-F]{6,}|1\d{14})\b")  # in memory, which no two runs share
TO_THE_END = 1 << 62  # where a stretch of a member stops that the container ends with


class Readable(Protocol):
    """What members are read from."""

    def read(self, size: int, /) -> bytes: ...


@dataclass(frozen=True)
class Member:
    """One member of a container.

    `path` is the full escaped path. `open` gives its content and may raise MemberError; it is
    None when `status` and `error` already say why there is nothing to examine. `stored` are the
    stretches of the container, start to stop, that are this member and nothing else; in what is of
    no member a picture may hide.
    """

    path: str
    open: Callable[[], AbstractContextManager[Readable]] | None
    status: Status | None = None
    error: str | None = None
    stored: Sequence[tuple[int, int]] = ()


class OverLimit(Exception):
    """A container reached a limit; the text completes "the archive holds"."""


class TooLarge(Exception):
    """A stream has more than `limit` bytes."""

    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self.limit = limit


class MemberError(Exception):
    """One member cannot be read; the others may. From `members()`: the container cannot."""

    def __init__(self, status: Status, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


def read_limited(stream: Readable, limit: int) -> bytes:
    """All of `stream`; raises TooLarge as soon as it exceeds `limit` bytes."""
    content = io.BytesIO()  # which hands its buffer on, where joined chunks would be twice the size
    room = limit
    while chunk := stream.read(min(CHUNK_BYTES, room + 1)):
        room -= len(chunk)
        if room < 0:
            raise TooLarge(limit)
        content.write(chunk)
    return content.getvalue()


def failure(error: Exception, noun: str) -> tuple[Status, str]:
    """Status and sentence for what was raised while `noun` was read."""
    if isinstance(error, MemberError):
        return error.status, str(error)
    if isinstance(error, OverLimit):
        return Status.OVER_LIMIT, f"the {noun} holds {error}; the rest was not read"
    if isinstance(error, TooLarge):
        return Status.OVER_LIMIT, f"the {noun} is larger than the limit of {error.limit:,} bytes"
    if isinstance(error, MemoryError):
        return Status.OVER_LIMIT, f"reading the {noun} needs more memory than the limit allows"
    if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
        return Status.UNREADABLE, f"the {noun} cannot be read: {path_text(str(error.strerror))}"
    return Status.UNREADABLE, f"the {noun} is damaged: {detail(error)}"


def detail(error: Exception) -> str:
    """What a parser said, who may quote any name or byte of the file."""
    said = str(error.strerror if isinstance(error, OSError) and error.strerror else error)
    text = path_text(" ".join(said.split()))[:LONGEST_DETAIL]
    return ADDRESS.sub("...", text) or type(error).__name__


def encrypted(noun: str, passwords: Sequence[str]) -> MemberError:
    """The error for what none of `passwords` opens."""
    tried = " and no given password opens it" if passwords else ""
    return MemberError(Status.ENCRYPTED, f"the {noun} is encrypted{tried}")
