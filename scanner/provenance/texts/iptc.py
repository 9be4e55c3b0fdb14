"""IPTC's older metadata, the Information Interchange Model (iptc.org/standards/iim)."""

from __future__ import annotations

from collections.abc import Iterator

from scanner.provenance.encodings import decoded
from scanner.provenance.metadata import Metadata
from scanner.provenance.texts.text import Text

MARKER, APPLICATION_RECORD, HEADER_BYTES = 0x1C, 2, 5
EXTENDED = 0x8000  # a length above tells how many bytes the length takes
NAMES = {
    5: "object_name", 25: "keywords", 40: "instructions", 65: "software", 80: "by-line",
    85: "by-line_title", 105: "headline", 110: "credit", 115: "source", 116: "copyright",
    118: "contact", 120: "caption", 122: "caption_writer",
}  # fmt: skip
MOST = 1_000


def texts(metadata: Metadata) -> Iterator[Text]:
    """The datasets in NAMES, of which some repeat."""
    data, at = metadata.iptc, 0
    for _ in range(MOST):
        if at + HEADER_BYTES > len(data) or data[at] != MARKER:
            return
        record, dataset = data[at + 1], data[at + 2]
        length = int.from_bytes(data[at + 3 : at + HEADER_BYTES])
        at += HEADER_BYTES
        if length >= EXTENDED:
            wide = length - EXTENDED
            length = int.from_bytes(data[at : at + wide])
            at += wide
        if record == APPLICATION_RECORD and dataset in NAMES:
            yield Text("iptc", NAMES[dataset], decoded(data[at : at + length]).strip("\0 "))
        at += length
