"""PNGs written by hand, with sample depths and chunks that Pillow does not write."""

from __future__ import annotations

import struct
import zlib

GREY, RGB, PALETTE = 0, 2, 3  # colour types


def png(colour_type: int, depth: int, size: tuple[int, int], rows: bytes, **chunks: bytes) -> bytes:
    """A PNG of filtered rows; the chunks come before its pixels."""
    header = struct.pack(">2I5B", *size, depth, colour_type, 0, 0, 0)
    body = b"".join(_chunk(name.encode(), data) for name, data in chunks.items())
    pixels = _chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + body + pixels + _chunk(b"IEND", b"")


def _chunk(name: bytes, data: bytes) -> bytes:
    checksum = zlib.crc32(name + data)
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", checksum)
