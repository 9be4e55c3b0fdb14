"""TIFFs written by hand, with pages, samples and photometrics that Pillow does not write."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

SHORT, LONG, IFD, LONG8, IFD8 = 3, 4, 13, 16, 18
CODES = {SHORT: "H", LONG: "I", IFD: "I", LONG8: "Q", IFD8: "Q"}
Tags = Mapping[int, tuple[int, Sequence[int]]]


@dataclass(frozen=True)
class Page:
    """A page in one strip a plane. tags: beside those that every page has; they win.

    subs: the pages that its SubIFDs name, as values of the type `sub_type`.
    """

    size: tuple[int, int]
    planes: Sequence[bytes]
    tags: Tags = field(default_factory=dict)
    subs: Sequence[Page] = ()
    sub_type: int = LONG


def grey_page(
    level: int, *subs: Page, side: int = 32, sub_type: int = LONG, tags: Tags | None = None
) -> Page:
    return Page((side, side), [bytes([level]) * side**2], tags or {}, subs, sub_type)


def tiff(*pages: Page, order: str = "<", big: bool = False) -> bytes:
    """The file of a chain of pages; a SubIFD is in no chain."""
    mark = b"II" if order == "<" else b"MM"
    writer = _Writer(order, big)
    writer.put(mark + writer.packed("H", 43 if big else 42) + writer.packed("HH", 8, 0) * big)
    pointer = writer.put(writer.packed(writer.offset, 0))
    for page in pages:
        pointer = writer.append(page, pointer)
    return bytes(writer.file)


class _Writer:
    def __init__(self, order: str, big: bool) -> None:
        self.file = bytearray()
        self.order = order
        self.offset, self.number, self.width = ("Q", "Q", 8) if big else ("I", "H", 4)

    def packed(self, codes: str, *values: int) -> bytes:
        return struct.pack(self.order + codes, *values)

    def put(self, data: bytes) -> int:
        """Where `data` lies now that it is written."""
        place = len(self.file)
        self.file += data
        return place

    def append(self, page: Page, pointer: int) -> int:
        """Write a page, let `pointer` point to it, and say where its own pointer is."""
        strips = [self.put(plane) for plane in page.planes]
        subs = []
        for sub in page.subs:
            place = self.put(self.packed(self.offset, 0))
            self.append(sub, place)
            subs.append(struct.unpack_from(self.order + self.offset, self.file, place)[0])
        width, height = page.size
        tags: dict[int, tuple[int, Sequence[int]]] = {
            256: (LONG, [width]),
            257: (LONG, [height]),
            258: (SHORT, [8]),
            259: (SHORT, [1]),
            262: (SHORT, [1]),
            273: (LONG, strips),
            277: (SHORT, [1]),
            278: (LONG, [height]),
            279: (LONG, [len(plane) for plane in page.planes]),
            **({330: (page.sub_type, subs)} if subs else {}),
            **page.tags,
        }
        entries = b"".join(self._entry(tag, *value) for tag, value in sorted(tags.items()))
        directory = self.put(self.packed(self.number, len(tags)) + entries)
        struct.pack_into(self.order + self.offset, self.file, pointer, directory)
        return self.put(self.packed(self.offset, 0))

    def _entry(self, tag: int, kind: int, values: Sequence[int]) -> bytes:
        value = self.packed(f"{len(values)}{CODES[kind]}", *values)
        if len(value) > self.width:
            value = self.packed(self.offset, self.put(value))
        head = self.packed("HH", tag, kind) + self.packed(self.offset, len(values))
        return head + value.ljust(self.width, b"\0")
