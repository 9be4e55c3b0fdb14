"""7z archives, through py7zr."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO

from scanner.containers.container import Member, MemberError, OverLimit, encrypted, failure
from scanner.limits import Limits
from scanner.record import Status, path_text

if TYPE_CHECKING:
    from py7zr import SevenZipFile

NOUN = "archive"
MAGIC = b"7z\xbc\xaf\x27\x1c"
HEADER_BYTES = 32  # with where the list of members begins, and its size, from byte 12 on


def recognises(head: bytes, stream: BinaryIO) -> bool:
    return head.startswith(MAGIC)


def members(
    stream: BinaryIO, name: str, limits: Limits, passwords: Sequence[str]
) -> Iterator[Member]:
    """Members in archive order; each solid block is expanded once, front to back."""
    archive = _open(stream, passwords)
    block = None
    header = _header(archive)
    room = limits.archive_bytes
    for file in archive.files:
        if file.is_directory and file.emptystream:  # the attribute alone can hide content
            continue
        path = f"{name}!/{path_text(file.filename)}"
        content: bytes | MemberError = b""
        stored: Sequence[tuple[int, int]] = ()
        if not file.emptystream:
            room -= file.uncompressed
            if room < 0:
                raise OverLimit("more expanded bytes than its limits of size and ratio allow")
            if block is None or file.folder is not block.folder:
                block = _Block(archive, stream, file.folder, limits.file_bytes, passwords)
            content, stored = block.read(file), (header, block.stretch)
        if file.is_symlink or file.is_junction or file.is_socket:
            content = MemberError(Status.UNSUPPORTED, "a link or device inside an archive")
        if isinstance(content, MemberError):
            yield Member(path, None, content.status, str(content))
        else:
            yield Member(path, partial(io.BytesIO, content), stored=stored)


def whole_size(head: bytes) -> int:
    """How many bytes the archive has that begins with `head`, by its first 32."""
    start, size = struct.unpack_from("<QQ", head.ljust(HEADER_BYTES, b"\0"), HEADER_BYTES - 20)
    return HEADER_BYTES + int(start) + int(size)


def _header(archive: SevenZipFile) -> tuple[int, int]:
    """Where the list of members lies, which may be compressed itself."""
    facts: Any = archive.sig_header
    start = archive.afterheader + facts.nextheaderofs
    return start, start + facts.nextheadersize


def _open(stream: BinaryIO, passwords: Sequence[str]) -> SevenZipFile:
    from py7zr import PasswordRequired, SevenZipFile

    try:
        return SevenZipFile(stream)
    except PasswordRequired:
        pass
    for password in passwords:
        stream.seek(0)
        try:
            return SevenZipFile(stream, password=password)
        except Exception:  # a wrong password makes any nonsense of the header
            continue
    raise encrypted("archive's list of members", passwords)


class _Block:
    """A solid block, py7zr's Folder: members compressed as one stream, read in order."""

    def __init__(
        self,
        archive: SevenZipFile,
        stream: BinaryIO,
        folder: Any,
        file_bytes: int,
        passwords: Sequence[str],
    ) -> None:
        self.folder = folder
        self._archive = archive
        self._stream = stream
        self._file_bytes = file_bytes
        self._passwords = passwords
        self._started = False
        self._broken: MemberError | None = None

        streams: Any = archive.header.main_streams
        before = streams.unpackinfo.folders[: streams.unpackinfo.folders.index(folder)]
        first = sum(len(earlier.packed_indices) for earlier in before)
        last = first + len(folder.packed_indices)
        origin = archive.afterheader + streams.packinfo.packpos
        self._start = origin + streams.packinfo.packpositions[first]
        self._end = origin + streams.packinfo.packpositions[last]
        self.stretch = (self._start, self._end)  # of the archive

    def read(self, file: Any) -> bytes | MemberError:
        """The next member of the block. Damage costs those behind it too."""
        if self._broken is not None:
            return self._broken
        try:
            return self._expand(file) if self._started else self._expand_first(file)
        except MemberError as error:
            return error
        except Exception as error:  # decoders raise nearly anything on broken data
            self._broken = MemberError(*_failure(error, self._passwords))
            return self._broken

    def _expand_first(self, file: Any) -> bytes:
        from py7zr.compressor import SupportedMethods

        self._started = True
        if not SupportedMethods.needs_password(self.folder.coders):
            self._stream.seek(self._start)
            return self._expand(file)
        for password in dict.fromkeys((self.folder.password, *self._passwords)):
            self.folder.password, self.folder.decompressor = password, None
            self._stream.seek(self._start)
            try:
                return self._expand(file)
            except Exception as error:
                if failure(error, NOUN)[0] is not Status.UNREADABLE:
                    raise
                # A wrong password makes any nonsense of the data.
        self._broken = encrypted("member", self._passwords)
        raise self._broken

    def _expand(self, file: Any) -> bytes:
        sink = _Sink(self._file_bytes)
        size, stored = file.uncompressed, file.compressed
        checksum = self._archive.worker.decompress(
            self._stream, self.folder, sink, size, stored, self._end
        )
        if file.crc32 is not None and checksum != file.crc32:
            raise MemberError(Status.UNREADABLE, "the member is damaged: its checksum is wrong")
        if sink.full:
            sentence = f"larger than the limit of {self._file_bytes:,} bytes"
            raise MemberError(Status.OVER_LIMIT, sentence)
        return sink.getvalue()


class _Sink(io.BytesIO):
    """Takes up to `limit` bytes and drops the rest: what follows in the block is still wanted."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self._limit = limit
        self.full = False

    def write(self, data: Any, /) -> int:
        self.full |= self.tell() + len(data) > self._limit
        return len(data) if self.full else super().write(data)


def _failure(error: Exception, passwords: Sequence[str]) -> tuple[Status, str]:
    from py7zr import PasswordRequired, UnsupportedCompressionMethodError

    if isinstance(error, PasswordRequired):
        return failure(encrypted("member", passwords), NOUN)
    if isinstance(error, UnsupportedCompressionMethodError):
        return Status.UNSUPPORTED, "the member is compressed by a method py7zr does not know"
    return failure(error, "solid block")
