"""Zip members in bzip2 or LZMA, expanded piece by piece.

zipfile itself expands at once whatever it has read of them, and a few bytes of bzip2 can hold
millions of times as many. Here it only delivers the compressed bytes.
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

METHODS = (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)


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
        if info.compress_type == zipfile.ZIP_BZIP2:
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


class Checked:
    """The bytes that a member announces, with their checksum verified at the end."""

    def __init__(self, plain: Any, info: zipfile.ZipInfo) -> None:
        self._plain = plain
        self._left = info.file_size
        self._expected = info.CRC
        self._name = info.filename
        self._checksum = 0

    def read(self, size: int) -> bytes:
        data: bytes = self._plain.read(min(size, self._left))
        self._left -= len(data)
        self._checksum = zlib.crc32(data, self._checksum)
        if self._left and not data:
            raise EOFError(f"{self._left:,} bytes are missing")
        if not self._left and self._checksum != self._expected:
            raise zipfile.BadZipFile(f"Bad CRC-32 for file {self._name!r}")
        return data
