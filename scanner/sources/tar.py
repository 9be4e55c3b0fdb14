"""Tar archives, plain or compressed with gzip, bzip2, xz or zstandard."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, BinaryIO

from scanner.limits import Limits
from scanner.record import Status, path_text
from scanner.sources import compressed
from scanner.sources.budget import Budget, Metered
from scanner.sources.container import HEAD_BYTES, Member, MemberError

NOUN = "archive"
MAGIC, MAGIC_OFFSET = b"ustar", 257
# Headers whose content, a long name for example, tarfile reads into memory whole.
CONTENT_HEADERS = (
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
)
LONGEST_HEADER = 1 << 20


def recognises(head: bytes, stream: BinaryIO) -> bool:
    if not compressed.recognises(head, stream):
        return _is_tar(head)
    try:
        return _is_tar(compressed.decompress(stream, head).read(HEAD_BYTES))
    except compressed.ERRORS:
        return False


def _is_tar(head: bytes) -> bool:
    return head[MAGIC_OFFSET : MAGIC_OFFSET + len(MAGIC)] == MAGIC


class _StrictTarInfo(tarfile.TarInfo):
    """Makes tarfile report a broken or missing header instead of ending as if all were well.

    Also bounds the headers that are read into memory.
    """

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Any:
        info = super().frombuf(buf, encoding, errors)
        if info.type in CONTENT_HEADERS and info.size > LONGEST_HEADER:
            raise tarfile.InvalidHeaderError(f"a name or header of {info.size:,} bytes")  # type: ignore[attr-defined]
        return info

    @classmethod
    def fromtarfile(cls, archive: tarfile.TarFile) -> Any:
        try:
            return super().fromtarfile(archive)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]
            raise
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(
                f"a broken header at byte {archive.offset:,}: {error}"
            ) from error


def members(
    stream: BinaryIO, name: str, limits: Limits, passwords: Sequence[str]
) -> Iterator[Member]:
    """Members in archive order; each must be read before the next is asked for."""
    head = stream.read(HEAD_BYTES)
    stream.seek(0)
    plain: Any = stream
    if not _is_tar(head):
        # What tarfile passes over is expanded too.
        budget = Budget(limits.archive_bytes, "more than its limits of size and ratio allow")
        plain = Metered(compressed.decompress(stream, head), budget)
    with tarfile.open(fileobj=plain, mode="r|", tarinfo=_StrictTarInfo) as archive:
        for info in archive:
            path = f"{name}!/{path_text(info.name)}"
            if info.isfile():
                yield Member(path, _opener(archive, info))
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
        except (tarfile.TarError, *compressed.ERRORS) as error:
            # The archive's own row follows when the next header is not where it should be.
            raise MemberError(Status.UNREADABLE, f"the member breaks off: {error}") from error

    return open_member
