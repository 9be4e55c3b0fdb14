"""Where the pages of a TIFF lie: its chain of image file directories (TIFF 6.0, and BigTIFF).

Pillow follows the chain, too, but stops without a word at a directory that it cannot load, and then
nobody would miss the pages behind it.
"""

from __future__ import annotations

import io
from typing import Literal, NamedTuple

MOST_PAGES = 65_536  # a directory may be as small as six bytes


class _Layout(NamedTuple):
    """Sizes of numbers and entries in bytes; `first` is where the first directory's offset is."""

    first: int
    offset: int
    number: int
    entry: int


CLASSIC = _Layout(first=4, offset=4, number=2, entry=12)
BIG = _Layout(first=8, offset=8, number=8, entry=20)


def page_offsets(data: bytes) -> list[int]:
    """Where the directories lie that the chain names, MOST_PAGES at most; any may be no place."""
    layout, order = _layout(data), _order(data)

    def number(place: int, size: int) -> int:
        return int.from_bytes(data[place : place + size], order)  # 0 beyond the end

    offsets: dict[int, None] = {}
    offset = number(layout.first, layout.offset)
    while offset and offset not in offsets and len(offsets) < MOST_PAGES:
        offsets[offset] = None
        entries = number(offset, layout.number)
        offset = number(offset + layout.number + entries * layout.entry, layout.offset)
    return list(offsets)


def page_alone(data: bytes, offset: int) -> io.BytesIO:
    """The file with the directory at `offset` as its first, for a decoder that saw no other."""
    layout = _layout(data)
    stream = io.BytesIO(data)
    stream.seek(layout.first)
    stream.write(offset.to_bytes(layout.offset, _order(data)))
    stream.seek(0)
    return stream


def _layout(data: bytes) -> _Layout:
    return BIG if 43 in data[2:4] else CLASSIC


def _order(data: bytes) -> Literal["little", "big"]:
    return "little" if data.startswith(b"II") else "big"
