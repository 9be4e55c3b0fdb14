"""Photoshop's image resources: in its documents, and where JPEG keeps IPTC's older metadata."""

from __future__ import annotations

from collections.abc import Iterator

from scanner.provenance.metadata.contents import EXIF_HEADER, Metadata

RESOURCE, HEADER_BYTES = b"8BIM", 6
IPTC, EXIF, XMP = 0x0404, 0x0422, 0x0424
MAX_RESOURCES = 10_000
DOCUMENT = b"8BPS"
COLOURS_AT = 26  # in a document, the length of its colour table, and behind that of its resources


def read(data: bytes) -> Metadata:
    """The metadata of a Photoshop document."""
    start = COLOURS_AT + 4 + int.from_bytes(data[COLOURS_AT : COLOURS_AT + 4])
    size = int.from_bytes(data[start : start + 4])
    found = list(_resources(data[start + 4 : start + 4 + size]))
    return Metadata(
        exif=tuple(it.removeprefix(EXIF_HEADER) for number, it in found if number == EXIF),
        xmp=tuple(content for number, content in found if number == XMP),
        iptc=b"".join(content for number, content in found if number == IPTC),
    )


def iptc_of(resources: bytes) -> bytes:
    """The IIM records among image resources; empty where there are none, or damage comes first."""
    return b"".join(content for number, content in _resources(resources) if number == IPTC)


def _resources(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Number and content of each."""
    at = 0
    for _ in range(MAX_RESOURCES):
        if data[at : at + 4] != RESOURCE:
            return
        number = int.from_bytes(data[at + 4 : at + HEADER_BYTES])
        name_bytes = 1 + int.from_bytes(data[at + HEADER_BYTES : at + HEADER_BYTES + 1])
        at += HEADER_BYTES + name_bytes + name_bytes % 2
        size = int.from_bytes(data[at : at + 4])
        yield number, data[at + 4 : at + 4 + size]
        at += 4 + size + size % 2
