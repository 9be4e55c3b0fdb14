"""Zip archives, and what is built on them (docx, pptx, xlsx, odt, epub, jar)."""

from __future__ import annotations

import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import BinaryIO

from scanner.limits import Limits
from scanner.record import Status, path_text
from scanner.sources.container import Member, MemberError

ERRORS = (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError)
ENCRYPTED_FLAG = 0x1


def recognises(head: bytes, stream: BinaryIO) -> bool:
    return head[:4] in (b"PK\x03\x04", b"PK\x05\x06")


def members(stream: BinaryIO, name: str, limits: Limits) -> Iterator[Member]:
    """Members in the order of the central directory; `stream` must be seekable."""
    with zipfile.ZipFile(stream) as archive:
        for info in archive.infolist():
            path = f"{name}!/{path_text(info.filename)}"
            if info.is_dir():
                continue
            if info.flag_bits & ENCRYPTED_FLAG:
                yield Member(path, None, Status.ENCRYPTED, "the member is encrypted")
            else:
                yield Member(path, _opener(archive, info))


def _opener(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo
) -> Callable[[], AbstractContextManager[BinaryIO]]:
    @contextmanager
    def open_member() -> Iterator[BinaryIO]:
        try:
            with archive.open(info) as content:
                yield content  # type: ignore[misc]
        except NotImplementedError as error:
            raise MemberError(
                Status.UNSUPPORTED, f"the member cannot be unpacked: {error}"
            ) from error
        except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError) as error:
            raise MemberError(Status.UNREADABLE, f"the member is damaged: {error}") from error

    return open_member
