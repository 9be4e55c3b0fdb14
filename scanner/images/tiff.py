"""Where the pages of a TIFF lie: its image file directories (TIFF 6.0, its SubIFDs, and BigTIFF).

Pillow follows the chain of directories, too, but stops without a word at one that it cannot load,
and then nobody would miss the pages behind it; what a directory names as its SubIFDs it leaves out.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Literal, NamedTuple

import numpy as np

MOST_PAGES = 65_536  # a directory may be as small as six bytes
SUB_IFDS = 330
PLACE_BYTES = {4: 4, 13: 4, 16: 8, 18: 8}  # of the types that name a place: LONG, IFD, LONG8, IFD8
MOST_TAGS = 65_536  # as many as two bytes can tell apart


class _Layout(NamedTuple):
    """Sizes of numbers and entries in bytes; `first` is where the first directory's offset is."""

    first: int
    offset: int
    number: int
    entry: int


CLASSIC = _Layout(first=4, offset=4, number=2, entry=12)
BIG = _Layout(first=8, offset=8, number=8, entry=20)


def page_offsets(data: bytes) -> list[int]:
    """Where the directories lie, each once, MOST_PAGES at most; any may be no place.

    First those of the file's own chain, then those that these name as their SubIFDs, each with the
    chain that it begins, then those that the SubIFDs name.
    """
    directories = _Directories(data)
    pages: dict[int, None] = {}
    chains = [directories.first]
    for start in chains:  # which grows by what the directories name
        chain = []
        while start and start not in pages and len(pages) < MOST_PAGES:
            pages[start] = None
            chain.append(start)
            start = directories.next(start)
        for directory in chain:
            for named in directories.named(directory):
                if len(chains) > MOST_PAGES:  # more than are looked at, if they are not all one
                    chains.append(directories.nowhere)
                    break
                chains.append(named)
    return list(pages)


class _Directories:
    """What leads from one directory to others, in the file's layout and byte order.

    first: where the first lies. nowhere: a place behind the file, for what is named but not there.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._layout = _layout(data)
        self._order = _order(data)
        self.first = self._number(self._layout.first, self._layout.offset)
        self.nowhere = len(data)

    def next(self, directory: int) -> int:
        """Where the chain goes on, 0 for nowhere."""
        layout = self._layout
        entries = self._number(directory, layout.number)
        return self._number(directory + layout.number + entries * layout.entry, layout.offset)

    def named(self, directory: int) -> Iterator[int]:
        """The SubIFDs of a directory."""
        start = directory + self._layout.number
        room = (len(self._data) - start) // self._layout.entry
        entries = min(self._number(directory, self._layout.number), room, MOST_TAGS)
        if entries > 0:
            tags: np.ndarray[tuple[int], np.dtype[np.uint16]] = np.ndarray(
                (entries,),
                np.dtype(np.uint16).newbyteorder(self._order),
                self._data,
                start,
                (self._layout.entry,),
            )
            for index in np.flatnonzero(tags == SUB_IFDS).tolist():
                yield from self._places(start + index * self._layout.entry)

    def _places(self, entry: int) -> Iterator[int]:
        """The values of an entry, which stand in it where they fit, and else where it says."""
        width = self._layout.offset
        size = PLACE_BYTES.get(self._number(entry + 2, 2), 0)
        count = self._number(entry + 4, width)
        at = entry + 4 + width
        if size * count > width:
            at = self._number(at, width)
        if not size or at + size * count > len(self._data):
            yield self.nowhere
            return
        for place in range(at, at + size * count, size):
            yield self._number(place, size)

    def _number(self, place: int, size: int) -> int:
        return int.from_bytes(self._data[place : place + size], self._order)  # 0 beyond the end


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
