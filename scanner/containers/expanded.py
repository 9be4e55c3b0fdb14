"""What gzip, bzip2, xz and zstandard streams expand to, piece by piece."""

from __future__ import annotations

import bz2
import io
import lzma
import re
import zlib
from collections.abc import Callable
from typing import Any, BinaryIO, Protocol

from backports import zstd

from scanner.containers.container import CHUNK_BYTES, OverLimit

ERRORS = (OSError, EOFError, zlib.error, lzma.LZMAError, zstd.ZstdError)
# What a stream may ask the scan to remember of it. The strongest presets ask for 128 MiB.
WINDOW_LOG = 28
WINDOW_BYTES = 1 << WINDOW_LOG
TOO_MUCH_MEMORY = ("Memory usage limit", "too much memory")
BUFFER_BYTES = 1 << 17
# What one stream is fed at a time, growing: what it leaves unused is copied, and a file may be
# millions of tiny streams.
SMALLEST_PIECE, LARGEST_PIECE = 1 << 12, 1 << 17
MOST_EMPTY_STREAMS = 10_000  # in a row, which take time and never spend expanded bytes
NOT_ZERO = re.compile(rb"[^\0]")


class _Decompressor(Protocol):
    """One compressed stream, as the standard library's bz2 and lzma expand it."""

    eof: bool
    needs_input: bool
    unused_data: bytes

    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class _Gzip:
    """A gzip stream by the same protocol."""

    def __init__(self) -> None:
        self._stream = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)

    @property
    def eof(self) -> bool:
        return self._stream.eof

    @property
    def needs_input(self) -> bool:
        return not self._stream.unconsumed_tail and not self._stream.eof

    @property
    def unused_data(self) -> bytes:
        return self._stream.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return self._stream.decompress(self._stream.unconsumed_tail + data, max_length)


def _xz() -> Any:
    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=WINDOW_BYTES + (1 << 24))


def _zstd() -> Any:
    options: dict[int, int] = {zstd.DecompressionParameter.window_log_max: WINDOW_LOG}
    return zstd.ZstdDecompressor(options=options)


GZIP, GZIP_FIXED_BYTES = b"\x1f\x8b\x08", 10
LONGEST_HEADER = 1 << 20  # that is searched
EXTRA_FIELD, NAME_FIELD, COMMENT_FIELD = 0x4, 0x8, 0x10
STARTS: dict[bytes, Callable[[], Any]] = {
    GZIP: _Gzip,
    b"BZh": bz2.BZ2Decompressor,
    b"\xfd7zXZ\x00": _xz,
    b"\x28\xb5\x2f\xfd": _zstd,
}


def is_compressed(head: bytes) -> bool:
    """Whether a file that begins with `head` is such a stream."""
    return _magic(head) is not None


def header_bytes(stream: BinaryIO) -> int:
    """How many bytes of a gzip stream precede what is compressed, fields that say anything among
    them (RFC 1952, 2.3); of the others none does. `stream` is left at its beginning.
    """
    stream.seek(0)
    head = stream.read(LONGEST_HEADER)
    stream.seek(0)
    if not head.startswith(GZIP) or len(head) < GZIP_FIXED_BYTES:
        return 0
    end, flags = GZIP_FIXED_BYTES, head[3]
    if flags & EXTRA_FIELD:
        end += 2 + int.from_bytes(head[end : end + 2], "little")
    for flag in (NAME_FIELD, COMMENT_FIELD):
        if flags & flag:
            found = head.find(b"\0", end)
            end = len(head) if found < 0 else found + 1
    return end


def _magic(head: bytes) -> bytes | None:
    return next((magic for magic in STARTS if head.startswith(magic)), None)


class Expanded(io.RawIOBase):
    """The content of one or more compressed streams in a file whose first bytes are `head`.

    rest_at: where something else begins behind them, once all is read; zeros do not count.
    """

    def __init__(self, stream: BinaryIO, head: bytes) -> None:
        magic = _magic(head)
        assert magic is not None, "the caller checks is_compressed(head)"
        self.rest_at: int | None = None
        self._magic = magic
        self._stream = stream
        self._expander: _Decompressor = STARTS[magic]()
        self._buffer = b""  # what was read of the stream, of which the first _used bytes are fed
        self._used = 0
        self._piece = SMALLEST_PIECE
        self._empty_streams = 0
        self._ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = b""
        try:
            while not data and not self._ended:
                if self._expander.eof:
                    self._start_next()
                else:
                    data = self._expander.decompress(self._input(), len(buffer))
        except (lzma.LZMAError, zstd.ZstdError) as error:
            if any(words in str(error) for words in TOO_MUCH_MEMORY):
                asks = f"a stream that asks for more than {WINDOW_BYTES:,} bytes to expand it"
                raise OverLimit(asks) from error
            raise
        if data:
            self._empty_streams = 0
        buffer[: len(data)] = data
        return len(data)

    def _input(self) -> bytes:
        if not self._expander.needs_input:
            return b""
        if self._used == len(self._buffer):
            self._buffer, self._used = self._stream.read(CHUNK_BYTES), 0
        fresh = self._buffer[self._used : self._used + self._piece]
        if not fresh:
            raise EOFError("the compressed data breaks off")
        self._used += len(fresh)
        self._piece = min(2 * self._piece, LARGEST_PIECE)
        return fresh

    def _start_next(self) -> None:
        self._used -= len(self._expander.unused_data)
        self._skip_zeros()
        while len(self._buffer) - self._used < len(self._magic):
            more = self._stream.read(CHUNK_BYTES)
            if not more:
                break
            self._buffer, self._used = self._buffer[self._used :] + more, 0
            self._skip_zeros()
        if self._buffer.startswith(self._magic, self._used):
            self._empty_streams += 1
            if self._empty_streams > MOST_EMPTY_STREAMS:
                raise OverLimit(f"more than {MOST_EMPTY_STREAMS:,} empty streams in a row")
            self._expander = STARTS[self._magic]()
            self._piece = SMALLEST_PIECE
        else:
            self._ended = True
            if left := len(self._buffer) - self._used:
                self.rest_at = self._stream.tell() - left

    def _skip_zeros(self) -> None:
        found = NOT_ZERO.search(self._buffer, self._used)
        self._used = found.start() if found else len(self._buffer)


def decompress(stream: BinaryIO, head: bytes) -> BinaryIO:
    """A reader of the expanded content of `stream`, whose first bytes are `head`."""
    return io.BufferedReader(Expanded(stream, head), BUFFER_BYTES)
