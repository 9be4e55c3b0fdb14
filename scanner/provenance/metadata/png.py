"""The chunks of a PNG that hold metadata."""

from __future__ import annotations

import binascii
import re
import struct
import zlib
from collections.abc import Iterator

from scanner.provenance.encodings import decoded
from scanner.provenance.metadata.contents import (
    EXIF_HEADER,
    MAX_BLOCKS,
    MAX_TEXTS,
    Metadata,
)
from scanner.provenance.metadata.jpeg import XMP_HEADER
from scanner.provenance.metadata.photoshop import RESOURCE, iptc_of
from scanner.provenance.metadata.samsung import blocks

MAX_CHUNKS = 100_000  # of a file; a hostile one may hold millions
MAX_TEXT_BYTES, MAX_ALL_BYTES = 2**23, 2**25  # of one unpacked text, and of all
MAX_KEYWORD = 79  # bytes, by the standard
TEXTS = (b"tEXt", b"zTXt", b"iTXt")
XMP_KEYWORD = "XML:com.adobe.xmp"
# As ImageMagick keeps what a JPEG had: a line with the name, one with the length, then digits.
RAW_PROFILE = "Raw profile type "
RAW_HEAD = re.compile(r"\s*\w+\s+\d+\s+")


def read(data: bytes) -> Metadata:
    """The metadata of a PNG, wherever its chunks lie, with what Samsung's programs put behind."""
    exif, xmp, iptc, c2pa, left_out = [], [], b"", False, False
    room, count = MAX_ALL_BYTES, 0
    texts: list[tuple[str, str]] = []
    for kind, content in _chunks(data):
        if kind == b"eXIf":
            exif.append(bytes(content).removeprefix(EXIF_HEADER))
        elif kind == b"caBX":
            c2pa = True
        elif kind in TEXTS:
            count += 1
            if room <= 0 or count > MAX_TEXTS:
                left_out = True
                continue
            keyword, text = _text(kind, bytes(content[:MAX_TEXT_BYTES]))
            room -= len(text)
            left_out = left_out or max(len(content), len(text)) >= MAX_TEXT_BYTES
            if keyword == XMP_KEYWORD:
                xmp.append(text.encode())
            elif keyword.startswith(RAW_PROFILE):
                profile = _profile(text)
                if profile.startswith(EXIF_HEADER):
                    exif.append(profile.removeprefix(EXIF_HEADER))
                elif profile.startswith(RESOURCE):
                    iptc += iptc_of(profile)
                elif keyword.endswith("xmp") or profile.startswith(XMP_HEADER):
                    xmp.append(profile.removeprefix(XMP_HEADER))
            else:
                texts.append((keyword, text))
    return Metadata(
        exif=tuple(exif[:MAX_BLOCKS]),
        xmp=tuple(xmp),
        iptc=iptc,
        texts=tuple(texts),
        samsung=blocks(data),
        c2pa=c2pa,
        left_out=left_out or len(exif) > MAX_BLOCKS,
    )


def _chunks(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    content, at = memoryview(data), 8
    for _ in range(MAX_CHUNKS):
        if at + 8 > len(data):
            return
        length, kind = struct.unpack_from(">I4s", data, at)
        yield kind, content[at + 8 : at + 8 + length]
        at += length + 12  # with the checksum that follows


def _text(kind: bytes, content: bytes) -> tuple[str, str]:
    """Keyword and text of a text chunk. Many writers put UTF-8 where the standard has Latin-1."""
    keyword, _, text = content.partition(b"\0")
    packed = kind == b"zTXt"
    if packed:
        text = text[1:]  # the method, of which there is one
    elif kind == b"iTXt":
        packed = text[:1] == b"\1"
        text = text[2:].split(b"\0", 2)[-1]  # after a language and a translated keyword
    if packed:
        try:
            text = zlib.decompressobj().decompress(text, MAX_TEXT_BYTES)
        except zlib.error:
            text = b"(damaged)"
    return keyword[:MAX_KEYWORD].decode("latin-1"), decoded(text)


def _profile(text: str) -> bytes:
    head = RAW_HEAD.match(text)
    digits = re.sub(r"\s+", "", text[head.end() :]) if head else ""
    try:
        return binascii.unhexlify(digits)
    except (binascii.Error, ValueError):
        return b""
