"""The chunks of a WebP that hold metadata."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from scanner.provenance.metadata.contents import EXIF_HEADER, MAX_BLOCKS, Metadata

MAX_CHUNKS = 100_000  # of a file; a hostile one may hold millions


def read(data: bytes) -> Metadata:
    exif, xmp, c2pa = [], [], False
    for kind, content in _chunks(data):
        if kind == b"EXIF":
            exif.append(bytes(content).removeprefix(EXIF_HEADER))
        elif kind == b"XMP ":
            xmp.append(bytes(content))
        elif kind == b"C2PA":
            c2pa = True
    left_out = len(exif) > MAX_BLOCKS or len(xmp) > MAX_BLOCKS
    return Metadata(tuple(exif[:MAX_BLOCKS]), tuple(xmp[:MAX_BLOCKS]), c2pa=c2pa, left_out=left_out)


def _chunks(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    content, at = memoryview(data), 12
    for _ in range(MAX_CHUNKS):
        if at + 8 > len(data):
            return
        kind, length = struct.unpack_from("<4sI", data, at)
        yield kind, content[at + 8 : at + 8 + length]
        at += 8 + length + length % 2
