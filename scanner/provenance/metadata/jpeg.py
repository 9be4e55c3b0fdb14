"""The segments of a JPEG that hold metadata."""

from __future__ import annotations

from collections.abc import Iterator

from scanner.images.jpeg_markers import END, SCAN
from scanner.provenance.metadata.contents import (
    C2PA_BOX,
    EXIF_HEADER,
    MAX_BLOCKS,
    MAX_TEXTS,
    Metadata,
)
from scanner.provenance.metadata.photoshop import iptc_of
from scanner.provenance.metadata.samsung import blocks

XMP_HEADER = b"http://ns.adobe.com/xap/1.0/\0"
# What does not fit one segment: this, 32 digits of an MD5, the length of all and this part's place.
EXTENDED_XMP_HEADER = b"http://ns.adobe.com/xmp/extension/\0"
EXTENDED_XMP_PLACE = 40
PHOTOSHOP_HEADER = b"Photoshop 3.0\0"
QUANTISATION = 0xDB
APP1, APP11, APP13, COMMENT = 0xE1, 0xEB, 0xED, 0xFE
MOST_STRAY = 512
APPLICATIONS = range(0xE0, 0xF0)
LABEL = b"AIGC{"  # China's label, which some programs put into a segment of its own


def read(data: bytes) -> Metadata:
    """The metadata of a JPEG, with what Samsung's programs put behind it."""
    exif, xmp, extended, photoshop = [], [], [], []
    comments, quantisation, c2pa = [], [], False
    for marker, content in _segments(data):
        if marker == QUANTISATION:
            quantisation.append(content)
        elif marker == APP1 and content.startswith(EXIF_HEADER):
            exif.append(content[len(EXIF_HEADER) :])
        elif marker == APP1 and content.startswith(XMP_HEADER):
            xmp.append(content[len(XMP_HEADER) :])
        elif marker == APP1 and content.startswith(EXTENDED_XMP_HEADER):
            extended.append(content[len(EXTENDED_XMP_HEADER) :])
        elif marker == APP11 and C2PA_BOX in content:
            c2pa = True
        elif marker == APP13 and content.startswith(PHOTOSHOP_HEADER):
            photoshop.append(content[len(PHOTOSHOP_HEADER) :])
        elif marker == COMMENT or (marker in APPLICATIONS and content.startswith(LABEL)):
            comments.append(content)
    return Metadata(
        exif=tuple(exif[:MAX_BLOCKS]),
        xmp=(*xmp, *_extended(extended)),
        iptc=iptc_of(b"".join(photoshop)),
        comments=tuple(comments[:MAX_TEXTS]),
        samsung=blocks(data),
        quantisation=tuple(quantisation),
        c2pa=c2pa,
        left_out=len(comments) > MAX_TEXTS or len(exif) > MAX_BLOCKS,
    )


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Marker and content of the segments before the first scan."""
    at = 2
    while at + 4 <= len(data):
        if data[at] != 0xFF:  # decoders pass over some bytes that belong nowhere
            at = data.find(b"\xff", at, at + MOST_STRAY)
            if at < 0:
                return
            continue
        marker = data[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
            continue
        if marker in (SCAN, END):
            return
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        yield marker, data[at + 4 : at + 2 + length]
        at += 2 + max(length, 2)


def _extended(parts: list[bytes]) -> list[bytes]:
    """The packets that `parts` make up, each put together in the order of its parts' places."""
    packets: dict[bytes, list[tuple[int, bytes]]] = {}
    for part in parts:
        place = int.from_bytes(part[36:EXTENDED_XMP_PLACE])
        packets.setdefault(part[:32], []).append((place, part[EXTENDED_XMP_PLACE:]))
    return [b"".join(content for _, content in sorted(packet)) for packet in packets.values()]
