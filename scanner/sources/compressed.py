"""Single files compressed with gzip, bzip2, xz or zstandard."""

from __future__ import annotations

import bz2
import io
import lzma
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from typing import Any, BinaryIO, Protocol

from backports import zstd

from scanner.limits import Limits
from scanner.sources.container import CHUNK_BYTES, HEAD_BYTES, Member, OverLimit

NOUN = "archive"
ERRORS = (OSError, EOFError, zlib.error, lzma.LZMAError, zstd.ZstdError)
# What a stream may ask the scan to remember of it. The strongest presets ask for 128 MiB.
WINDOW_LOG = 28
WINDOW_BYTES = 1 << WINDOW_LOG
TOO_MUCH_MEMORY = ("Memory usage limit", "too much memory")
BUFFER_BYTES = 1 << 17


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


STARTS: dict[bytes, Callable[[], Any]] = {
    b"\x1f\x8b\x08": _Gzip,
    b"BZh": bz2.BZ2Decompressor,
    b"\xfd7zXZ\x00": _xz,
    b"\x28\xb5\x2f\xfd": _zstd,
}
SUFFIXES = (".gz", ".bz2", ".xz", ".zst")


def recognises(head: bytes, stream: BinaryIO) -> bool:
    return _magic(head) is not None


def _magic(head: bytes) -> bytes | None:
    return next((magic for magic in STARTS if head.startswith(magic)), None)


class Expanded(io.RawIOBase):
    """The content of one or more compressed streams in a file whose first bytes are `head`.

    rest_at: where something else begins behind them, once all is read; zeros do not count.
    """

    def __init__(self, stream: BinaryIO, head: bytes) -> None:
        magic = _magic(head)
        assert magic is not None, "the caller checks recognises(head)"
        self.rest_at: int | None = None
        self._magic = magic
        self._stream = stream
        self._expander: _Decompressor = STARTS[magic]()
        self._pending = b""
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
        buffer[: len(data)] = data
        return len(data)

    def _input(self) -> bytes:
        if not self._expander.needs_input:
            return b""
        fresh = self._pending or self._stream.read(CHUNK_BYTES)
        self._pending = b""
        if not fresh:
            raise EOFError("the compressed data breaks off")
        return fresh

    def _start_next(self) -> None:
        left = self._expander.unused_data.lstrip(b"\0")
        while len(left) < len(self._magic) and (more := self._stream.read(CHUNK_BYTES)):
            left = (left + more).lstrip(b"\0")
        if left.startswith(self._magic):
            self._expander = STARTS[self._magic]()
            self._pending = left
        else:
            self._ended = True
            if left:
                self.rest_at = self._stream.tell() - len(left)


def decompress(stream: BinaryIO, head: bytes) -> BinaryIO:
    """A reader of the expanded content of `stream`, whose first bytes are `head`."""
    return io.BufferedReader(Expanded(stream, head), BUFFER_BYTES)


def members(
    stream: BinaryIO, name: str, limits: Limits, passwords: Sequence[str]
) -> Iterator[Member]:
    """The one file inside, named after its container without the suffix, and what is behind it."""
    head = stream.read(HEAD_BYTES)
    stream.seek(0)
    stem = name.rpartition("/")[2]
    for suffix in SUFFIXES:
        stem = stem.removesuffix(suffix)
    expanded = Expanded(stream, head)
    yield Member(f"{name}!/{stem}", lambda: io.BufferedReader(expanded, BUFFER_BYTES))
    if expanded.rest_at is not None:
        stream.seek(expanded.rest_at)
        yield Member(f"{name}!/trailing-data", lambda: nullcontext(stream))
