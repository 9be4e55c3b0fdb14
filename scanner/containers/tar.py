"""Tar archives, plain or compressed with gzip, bzip2, xz or zstandard."""

from __future__ import annotations

import io
import sys
import tarfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from typing import Any, BinaryIO

from scanner.containers.budget import Budget, Metered
from scanner.containers.container import (
    CHUNK_BYTES,
    HEAD_BYTES,
    TO_THE_END,
    Member,
    MemberError,
    OverLimit,
    Readable,
)
from scanner.containers.expanded import (
    BUFFER_BYTES,
    ERRORS,
    Expanded,
    decompress,
    header_bytes,
    is_compressed,
)
from scanner.limits import Limits
from scanner.record import Status, path_text

NOUN = "archive"
MAGIC, MAGIC_OFFSET = b"ustar", 257
CHECKSUM = slice(148, 156)
CHECKSUM_DIGITS = 6  # octal: as many as the sum of a block's bytes can have
BLOCK_BYTES = tarfile.BLOCKSIZE
# Headers whose content, a long name for example, tarfile reads into memory whole.
CONTENT_HEADERS = (
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
)
LONGEST_HEADER = 1 << 20
# What tarfile keeps of them: all those ahead of one member at once, and for the whole archive every
# field of the global ones, which it copies for each member.
MOST_HEADERS = 16
MOST_GLOBAL_FIELDS = 1_000
LONGEST_GAP = 1 << 29  # of zeros ahead of the first member, or a sparse file might take hours


def recognises(head: bytes, stream: BinaryIO) -> bool:
    """By the first block, or the first that is not all zeros, as `tar --ignore-zeros` does.

    Zeros in compressed data are not passed over here: the tar behind them is met as the one file
    that is compressed.
    """
    if not is_compressed(head):
        return _is_tar(head) or (not head.strip(b"\0") and _is_tar(_after_zeros(stream)))
    try:
        return _is_tar(decompress(stream, head).read(HEAD_BYTES))
    except ERRORS:
        return False


def _after_zeros(stream: BinaryIO) -> bytes:
    """The first block that is not all zeros; empty without one within LONGEST_GAP."""
    stream.seek(0)
    for _ in range(LONGEST_GAP // CHUNK_BYTES):
        chunk = stream.read(CHUNK_BYTES)
        if content := chunk.lstrip(b"\0"):
            start = (len(chunk) - len(content)) // BLOCK_BYTES * BLOCK_BYTES
            return chunk[start : start + BLOCK_BYTES]
        if not chunk:
            break
    return b""


def _is_tar(head: bytes) -> bool:
    """By the magic number, or by the checksum alone, which is all that tars before 1988 have."""
    if head[MAGIC_OFFSET : MAGIC_OFFSET + len(MAGIC)] == MAGIC:
        return True
    # The cheaper question; many JPEGs have digits there, but eight.
    digits = head[CHECKSUM].strip(b" \0")
    if not digits.isdigit() or len(digits.lstrip(b"0")) > CHECKSUM_DIGITS:
        return False
    try:
        tarfile.TarInfo.frombuf(head[:BLOCK_BYTES], "utf-8", "surrogateescape")
    except (tarfile.TarError, ValueError):
        return False
    return head[0] != 0


class _StrictTarInfo(tarfile.TarInfo):
    """Makes tarfile report a broken or missing header instead of ending as if all were well.

    Also bounds the headers that are read into memory.
    """

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Any:
        info = super().frombuf(buf, encoding, errors)
        if info.size < 0:
            raise tarfile.InvalidHeaderError("a negative size")  # type: ignore[attr-defined]
        if info.type in CONTENT_HEADERS and info.size > LONGEST_HEADER:
            raise tarfile.InvalidHeaderError(f"a name or header of {info.size:,} bytes")  # type: ignore[attr-defined]
        return info

    @classmethod
    def fromtarfile(cls, archive: Any) -> Any:
        archive.headers += 1
        try:
            archive.check_headers()
            return super().fromtarfile(archive)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]
            raise
        except tarfile.EmptyHeaderError as error:  # type: ignore[attr-defined]
            raise tarfile.ReadError("it has no end mark, as if it were cut short") from error
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(
                f"a broken header at byte {archive.offset:,}: {error}"
            ) from error
        finally:
            archive.headers -= 1


class _BoundedTarFile(tarfile.TarFile):
    """Bounds what headers hold in memory. headers: those being read, each for the next."""

    headers = 0

    def check_headers(self) -> None:
        """Raise OverLimit if there are too many, or global ones with too much in them."""
        if self.headers > MOST_HEADERS:
            raise OverLimit(f"more than {MOST_HEADERS} headers ahead of one member")
        fields = self.pax_headers
        if len(fields) > MOST_GLOBAL_FIELDS:
            raise OverLimit(f"more than {MOST_GLOBAL_FIELDS:,} fields in its global headers")
        if sum(len(value) for value in fields.values()) > LONGEST_HEADER:
            raise OverLimit(f"more than {LONGEST_HEADER:,} characters in its global headers")


class _Forward:
    """A stream as tarfile wants it, forward only, that is left right behind the end mark."""

    def __init__(self, stream: Readable) -> None:
        self._stream = stream
        self._ahead = b""
        self._position = 0

    def read(self, size: int) -> bytes:
        """`size` bytes, fewer only at the end."""
        chunks = [self._ahead[:size]]
        self._ahead = self._ahead[size:]
        missing = size - len(chunks[0])
        while missing and (chunk := self._stream.read(min(missing, CHUNK_BYTES))):
            chunks.append(chunk)
            missing -= len(chunk)
        self._position += size - missing
        return b"".join(chunks)

    def tell(self) -> int:
        return self._position

    def seek(self, position: int) -> None:
        while (left := position - self._position) > 0 and self.read(min(left, CHUNK_BYTES)):
            pass

    def next_block(self) -> bytes:
        """The first block that is not all zeros, which is still to be read; empty at the end."""
        while block := self.read(BLOCK_BYTES):
            if block.strip(b"\0"):
                self._ahead = block + self._ahead
                self._position -= len(block)
                break
        return block


def members(
    stream: BinaryIO, name: str, limits: Limits, passwords: Sequence[str]
) -> Iterator[Member]:
    """Members in archive order; each must be read before the next is asked for.

    Archives appended to each other are read as one, as `tar --ignore-zeros` does; other data behind
    an end mark, or behind the compressed data, are the member `trailing-data`.
    """
    head = stream.read(HEAD_BYTES)
    stream.seek(0)
    if not is_compressed(head):
        yield from _concatenated(_Forward(stream), name)
        return
    expanded = Expanded(stream, head)
    # What tarfile passes over is expanded too.
    budget = Budget(limits.archive_bytes, "more than its limits of size and ratio allow")
    buffered = io.BufferedReader(expanded, BUFFER_BYTES)
    compressed = ((header_bytes(stream), TO_THE_END),)  # all of it together is the members
    for member in _concatenated(_Forward(Metered(buffered, budget)), name):
        yield replace(member, stored=compressed)
    if expanded.rest_at is not None:
        stream.seek(expanded.rest_at)
        yield Member(f"{name}!/trailing-data", lambda: nullcontext(stream), stored=compressed)


def _concatenated(source: _Forward, name: str) -> Iterator[Member]:
    while block := source.next_block():
        if not _is_tar(block):
            stored = ((source.tell(), TO_THE_END),)
            yield Member(f"{name}!/trailing-data", lambda: nullcontext(source), stored=stored)
            source.seek(sys.maxsize)  # what was too large to be read is not met again
        else:
            yield from _members(source, name)


def _members(source: Any, name: str) -> Iterator[Member]:
    """Up to the end mark."""
    archive: Any = _BoundedTarFile(fileobj=source, tarinfo=_StrictTarInfo, encoding="utf-8")
    while info := archive.next():
        archive.members.clear()  # tarfile would remember every one
        path = f"{name}!/{path_text(info.name)}"
        if info.isfile():
            stored = () if info.issparse() else ((info.offset_data, info.offset_data + info.size),)
            yield Member(path, _opener(archive, info), stored=stored)
        elif not info.isdir():
            yield Member(path, None, Status.UNSUPPORTED, "a link or device inside an archive")


def _opener(
    archive: tarfile.TarFile, info: tarfile.TarInfo
) -> Callable[[], AbstractContextManager[BinaryIO]]:
    @contextmanager
    def open_member() -> Iterator[BinaryIO]:
        content = archive.extractfile(info)
        try:
            with content or io.BytesIO() as opened:
                yield opened  # type: ignore[misc]
        except (tarfile.TarError, *ERRORS) as error:
            # The archive's own row follows when the next header is not where it should be.
            raise MemberError(Status.UNREADABLE, f"the member breaks off: {error}") from error

    return open_member
