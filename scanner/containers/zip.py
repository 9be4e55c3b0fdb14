"""Zip archives, and what is built on them (docx, pptx, xlsx, odt, epub, jar)."""

from __future__ import annotations

import io
import lzma
import os
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from itertools import pairwise
from typing import Any, BinaryIO

from backports import zstd
from backports.zstd import zipfile  # the standard library's own, and zstandard members

from scanner.containers.container import (
    CHUNK_BYTES,
    Member,
    MemberError,
    Readable,
    encrypted,
    failure,
    read_limited,
)
from scanner.containers.joined import JoinedFiles
from scanner.containers.zip_bounded import METHODS, Inflated, open_bounded
from scanner.containers.zip_damaged import Spliced, entries, listed
from scanner.containers.zip_names import CP437, UTF8_FLAG, member_name
from scanner.limits import Limits
from scanner.record import Status, path_text

NOUN = "archive"
ENCRYPTED_FLAG = 0x1
AES = 99  # stands in WinZip's AES encryption where else the compression method does
LOCAL_HEADER_BYTES = 30
END_RECORD, END_RECORD_BYTES = b"PK\5\6", 22
LONGEST_COMMENT = 65_535
SPLIT_MARK = b"PK\7\x08"  # ahead of the first member of an archive in several files
DAMAGE = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, zstd.ZstdError, EOFError, OSError,
    UnicodeDecodeError,  # of a name
)  # fmt: skip
CUT_OFF = "the member is damaged: its end is missing"
LOST_LIST = (
    "the archive is damaged: it lost its list of members; those that were found by their own "
    "headers have rows of their own"
)
SHARED = "its stored bytes reach into another member's, as in a zip bomb; it was not expanded"


def recognises(head: bytes, stream: BinaryIO) -> bool:
    return head[:4] in (b"PK\x03\x04", b"PK\x05\x06") or head.startswith(b"PK\7\x08PK\x03\x04")


def members(
    stream: BinaryIO,
    name: str,
    limits: Limits,
    passwords: Sequence[str],
    names: str = CP437,
) -> Iterator[Member]:
    """Members in the order of the central directory; `stream` must be seekable.

    Bytes before the first and behind the end record, such as another archive's, are members, too.
    names: the code page of names that say nothing of it.
    """
    stream = _without_filler(stream)
    try:
        listing = _Listing(stream, limits.members)
    except Exception as error:  # nearly anything, where the directory is damaged
        yield from _unlisted(stream, name, limits, passwords, names, error)
        return
    yield from _archived(listing, stream, name, limits, passwords, names)
    first, end = _extent(listing.infos, stream)
    size = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    if first == len(SPLIT_MARK) and stream.read(first) == SPLIT_MARK:
        first = 0
    for title, start, stop in (("leading-data", 0, first), ("trailing-data", end, size)):
        if start < stop:
            section = partial(_section, stream, start, stop)
            yield Member(f"{name}!/{title}", section, stored=((start, stop),))


def archived(
    stream: BinaryIO,
    name: str,
    limits: Limits,
    passwords: Sequence[str],
    names: str = CP437,
) -> Iterator[Member]:
    """Members in the order of the central directory, whatever lies around the archive."""
    listing = _Listing(stream, limits.members)
    yield from _archived(listing, stream, name, limits, passwords, names)


def _unlisted(
    stream: BinaryIO,
    name: str,
    limits: Limits,
    passwords: Sequence[str],
    names: str,
    error: Exception,
) -> Iterator[Member]:
    """Members of an archive whose central directory cannot be read, which raised `error`."""
    found = entries(stream, limits.members + 1)
    if not found:
        raise error
    whole = listed(stream, [entry for entry in found if entry.stored is not None])
    yield from _archived(_Listing(whole, limits.members), whole, name, limits, passwords, names)
    for entry in found:
        if entry.stored is None:
            title = path_text(member_name(entry.name, entry.flags, entry.extra, names))
            yield Member(f"{name}!/{title}", None, Status.UNREADABLE, CUT_OFF)
    raise MemberError(Status.UNREADABLE, LOST_LIST) from error


def _extent(infos: Sequence[zipfile.ZipInfo], stream: BinaryIO) -> tuple[int, int]:
    """Where the first member begins and the end record ends."""
    size = stream.seek(0, os.SEEK_END)
    start = max(0, size - END_RECORD_BYTES - LONGEST_COMMENT)
    stream.seek(start)
    tail = stream.read()
    place = tail.rfind(END_RECORD)
    (comment_bytes,) = struct.unpack_from("<H", tail, place + END_RECORD_BYTES - 2)
    first = min((info.header_offset for info in infos), default=start + place)
    return first, start + place + END_RECORD_BYTES + comment_bytes


def _without_filler(stream: BinaryIO) -> BinaryIO:
    """`stream` without what one byte, again and again, fills behind the end record and hides it.

    Such as zeros, of which a copy of a medium has any number behind a file.
    """
    size = end = stream.seek(0, os.SEEK_END)
    filler = piece = b""
    while end > 0 and not piece:
        start = max(0, end - CHUNK_BYTES)
        stream.seek(start)
        piece = stream.read(end - start)
        filler = filler or piece[-1:]
        piece = piece.rstrip(filler)
        end = start + len(piece)
    start = max(0, end - END_RECORD_BYTES - LONGEST_COMMENT)
    stream.seek(start)
    tail = stream.read(end - start + END_RECORD_BYTES)  # it may end with zeros itself
    place = tail.rfind(END_RECORD)
    if place < 0 or size - start - place <= END_RECORD_BYTES + LONGEST_COMMENT:
        return stream
    (comment_bytes,) = struct.unpack_from("<H", tail, place + END_RECORD_BYTES - 2)
    behind = start + place + END_RECORD_BYTES + comment_bytes
    return io.BufferedReader(Spliced(stream, behind))


class _Section:
    """Reads `left` bytes of a stream and no more."""

    def __init__(self, stream: BinaryIO, left: int) -> None:
        self._stream = stream
        self._left = left

    def read(self, size: int, /) -> bytes:
        chunk = self._stream.read(min(size, self._left))
        self._left -= len(chunk)
        return chunk


@contextmanager
def _section(stream: BinaryIO, start: int, stop: int) -> Iterator[Readable]:
    stream.seek(start)
    yield _Section(stream, stop - start)


def _archived(
    listing: _Listing,
    stream: BinaryIO,
    name: str,
    limits: Limits,
    passwords: Sequence[str],
    names: str,
) -> Iterator[Member]:
    archive, unlocked = listing.archive, listing.unlocked
    overlapping = _overlapping(listing.infos)
    for info, unlocked_info in zip(listing.infos, unlocked.infolist(), strict=True):
        raw = info.orig_filename.encode("utf-8" if info.flag_bits & UTF8_FLAG else CP437)
        path = f"{name}!/{path_text(member_name(raw, info.flag_bits, info.extra, names))}"
        if info.is_dir() and not info.file_size:  # a name alone can hide content
            continue
        if id(info) in overlapping:
            yield Member(path, None, Status.OVER_LIMIT, SHARED)
            continue
        stored = _stored(stream, info)
        if info.flag_bits & ENCRYPTED_FLAG:
            locked = (unlocked, unlocked_info, limits.file_bytes, passwords)
            yield Member(path, _opener(partial(_decrypt, *locked), []), stored=stored)
        else:
            yield Member(path, _opener(partial(_open, archive, info), stored), stored=stored)


def _stored(stream: BinaryIO, info: zipfile.ZipInfo) -> list[tuple[int, int]]:
    """Where the member's own header lies, without name and extra fields, and where its bytes do."""
    stream.seek(info.header_offset)
    header = stream.read(LOCAL_HEADER_BYTES)
    if len(header) < LOCAL_HEADER_BYTES:
        return []
    name_bytes, extra_bytes = struct.unpack_from("<HH", header, LOCAL_HEADER_BYTES - 4)
    behind = info.header_offset + LOCAL_HEADER_BYTES
    start = behind + name_bytes + extra_bytes
    is_packed = info.compress_type != zipfile.ZIP_STORED or info.flag_bits & ENCRYPTED_FLAG
    # Of a stored member more bytes may be counted than are its content.
    size = info.compress_size if is_packed else min(info.compress_size, info.file_size)
    return [(info.header_offset, behind), (start, start + size)]


class _Head(list[Any]):
    """Keeps its first `most` items and drops the rest."""

    def __init__(self, most: int) -> None:
        self._most = most

    def append(self, item: Any) -> None:
        if len(self) < self._most:
            super().append(item)


class _Nothing(dict[str, Any]):
    """Keeps nothing."""

    def __setitem__(self, key: str, value: Any) -> None:
        pass


class _Listing:
    """An archive's members as its central directory lists them; raises what its readers do.

    unlocked: what reads those that are encrypted.
    """

    def __init__(self, stream: BinaryIO, most: int) -> None:
        self.archive = self.unlocked = _listed(zipfile.ZipFile, stream, most)
        self.infos: Sequence[zipfile.ZipInfo] = self.archive.infolist()
        if any(info.compress_type == AES for info in self.infos):
            from pyzipper import AESZipFile

            self.unlocked = _listed(AESZipFile, stream, most)


def _listed(kind: Any, stream: BinaryIO, most: int) -> Any:
    """A ZipFile of `kind` that holds one member more than the limit, however many there are.

    Or the list of an archive's members would fill the memory before the first is asked for.
    """

    class Listed(kind):
        def _RealGetContents(self) -> None:  # noqa: N802  zipfile's own name, and pyzipper's
            self.filelist = _Head(most + 1)
            self.NameToInfo = _Nothing()
            super()._RealGetContents()
            if isinstance(raw := getattr(stream, "raw", None), JoinedFiles):
                _place_in_whole(self, raw.starts)

    return Listed(stream)


def _place_in_whole(archive: Any, starts: Sequence[int]) -> None:
    """Let members of an archive in several files, which begin at `starts`, lie where they do.

    Each says where it begins in which of the files (APPNOTE 4.4.13, 4.4.16).
    """
    end: Any = zipfile._EndRecData(archive.fp)  # type: ignore[attr-defined]
    if not end[zipfile._ECD_DISK_NUMBER]:  # type: ignore[attr-defined]
        return  # it was cut into pieces when it was done
    shift = archive.start_dir - end[zipfile._ECD_OFFSET]  # type: ignore[attr-defined]
    for info in archive.filelist:
        if info.volume >= len(starts):
            raise zipfile.BadZipFile(f"a member in part {info.volume + 1:,}, which is not there")
        info.header_offset += starts[info.volume] - shift
        info._end_offset = None  # which zipfile had checked


def _overlapping(infos: Sequence[zipfile.ZipInfo]) -> set[int]:
    """The ids of members whose bytes reach into those of the member that lies next."""
    ordered = sorted(infos, key=lambda info: info.header_offset)
    return {
        id(info)
        for info, following in pairwise(ordered)
        if following.header_offset < info.header_offset + LOCAL_HEADER_BYTES + info.compress_size
    }


def _decrypt(archive: Any, info: zipfile.ZipInfo, limit: int, passwords: Sequence[str]) -> BinaryIO:
    for password in passwords:
        try:
            with _open(archive, info, password.encode()) as content:
                # A wrong password may pass for right until the end, where the checksum is.
                return io.BytesIO(read_limited(content, limit))
        except NotImplementedError:
            raise
        except Exception as error:  # a wrong password makes any nonsense of the data
            if failure(error, NOUN)[0] is not Status.UNREADABLE:
                raise
    raise encrypted("member", passwords)


def _open(archive: Any, info: zipfile.ZipInfo, password: bytes | None = None) -> Any:
    """A context manager of what the member expands to."""
    # pyzipper's members in AES are its own to expand.
    if info.compress_type in METHODS and (
        password is None or not getattr(info, "wz_aes_version", 0)
    ):
        return open_bounded(archive, info, password)
    return archive.open(info, pwd=password)


def _opener(
    open_content: Callable[[], Any], stored: list[tuple[int, int]]
) -> Callable[[], AbstractContextManager[Readable]]:
    """Opens a member; once it was read, what lies behind it is no part of `stored` any more."""

    @contextmanager
    def open_member() -> Iterator[Readable]:
        try:
            with open_content() as content:
                yield content
                plain = getattr(content, "plain", None)
                if stored and isinstance(plain, Inflated):
                    start, stop = stored.pop()
                    stored.append((start, stop - plain.unused()))
        except NotImplementedError as error:
            raise MemberError(
                Status.UNSUPPORTED, f"the member cannot be unpacked: {error}"
            ) from error
        except RuntimeError as error:  # encrypted, though the directory does not say so
            raise encrypted("member", ()) from error
        except DAMAGE as error:
            raise MemberError(*failure(error, "member")) from error

    return open_member
