"""Zip members in deflate, bzip2 or LZMA, expanded piece by piece and to their very end.

zipfile itself expands at once whatever it has read of bzip2 and LZMA, a few bytes of which can hold
millions of times as many; and it stops where a member has as many bytes as it announces, whatever
follows. Here it only delivers the compressed bytes.
"""

from __future__ import annotations

import bz2
import copy
import lzma
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from backports.zstd import zipfile

METHODS = (zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
PIECE_BYTES = 1 << 16


@contextmanager
def open_bounded(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, password: bytes | None = None
) -> Iterator[Checked]:
    """Open a member whose method is in METHODS; raises what zipfile, bz2 and lzma do."""
    as_stored = copy.copy(info)
    as_stored.compress_type = zipfile.ZIP_STORED
    as_stored.file_size = info.compress_size
    del as_stored.CRC  # it is that of the expanded bytes
    with archive.open(as_stored, pwd=password) as compressed:
        if info.compress_type == zipfile.ZIP_DEFLATED:
            yield Checked(Inflated(compressed), info)
        elif info.compress_type == zipfile.ZIP_BZIP2:
            with bz2.BZ2File(compressed) as plain:
                yield Checked(plain, info)
        else:
            filters = [_lzma_filter(compressed)]
            with lzma.LZMAFile(compressed, format=lzma.FORMAT_RAW, filters=filters) as plain:
                yield Checked(plain, info)


def _lzma_filter(stream: Any) -> dict[str, int]:
    """Reads what precedes the data: version, size of the properties, properties."""
    try:
        _, _, packed, dictionary = struct.unpack("<HHBI", stream.read(9))
    except struct.error as error:
        raise EOFError("the LZMA properties are cut off") from error
    lc, lp, pb = packed % 9, packed // 9 % 5, packed // 45
    return {"id": lzma.FILTER_LZMA1, "dict_size": dictionary, "lc": lc, "lp": lp, "pb": pb}


class Inflated:
    """What a deflated stream expands to, which ends by its own word."""

    def __init__(self, compressed: Any) -> None:
        self._compressed = compressed
        self._stream = zlib.decompressobj(-zlib.MAX_WBITS)

    def read(self, size: int) -> bytes:
        data = b""
        while not data and not self._stream.eof:
            piece = self._stream.unconsumed_tail or self._compressed.read(PIECE_BYTES)
            if not piece:
                break
            data = self._stream.decompress(piece, size)
        return data

    def unused(self) -> int:
        """How many of the compressed bytes lie behind the end of the stream."""
        return len(self._stream.unused_data) + len(self._compressed.read())


class Checked:
    """The bytes that a member announces, with their checksum verified at the end.

    plain: what they are read from, which must have no more of them.
    """

    def __init__(self, plain: Any, info: zipfile.ZipInfo) -> None:
        self.plain = plain
        self._left = info.file_size
        self._expected = info.CRC
        self._name = info.filename
        self._checksum = 0

    def read(self, size: int) -> bytes:
        data: bytes = self.plain.read(min(size, self._left)) if self._left else b""
        self._left -= len(data)
        self._checksum = zlib.crc32(data, self._checksum)
        if self._left and not data:
            raise EOFError(f"{self._left:,} bytes are missing")
        if not self._left and self._checksum != self._expected:
            raise zipfile.BadZipFile(f"Bad CRC-32 for file {self._name!r}")
        if not self._left and self.plain.read(1):
            raise zipfile.BadZipFile("it expands to more bytes than the archive says")
        return data
