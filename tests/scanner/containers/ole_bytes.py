"""OLE documents (MS-CFB) of streams in storages, written as plainly as readers allow."""

from __future__ import annotations

import struct
from typing import Any

Tree = dict[str, Any]  # of bytes and further trees
SECTOR, SMALL, CUTOFF = 512, 64, 4_096
END, FREE, FAT_SECTOR, NONE = 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFD, 0xFFFFFFFF
MESSAGE_CLASS = bytes.fromhex("0b0d020000000000c000000000000046")


class _Chains:
    """Sectors of one size, with the table that links them."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.table: list[int] = []
        self.data = b""

    def add(self, content: bytes, apart: bool = False) -> int:
        """The first sector of `content`. apart: with an empty sector between any two."""
        if not content:
            return END
        first = len(self.table)
        step = 2 if apart else 1
        count = -(-len(content) // self.size)
        for number in range(count):
            piece = content[number * self.size : (number + 1) * self.size]
            self.data += piece.ljust(self.size * step, b"\0")
            is_last = number == count - 1
            self.table += [END if is_last else len(self.table) + step, FREE][:step]
        return first


def ole(tree: Tree, root_class: bytes = MESSAGE_CLASS, apart: bool = False) -> bytes:
    """A document of `tree`. apart: no two sectors of a stream lie side by side."""
    large, small = _Chains(SECTOR), _Chains(SMALL)
    entries: list[bytes] = [b""]

    def add(children: Tree) -> int:
        """The number of the first of `children`, each of which has the next one to its right."""
        first = NONE
        for name, content in reversed(children.items()):
            number = len(entries)
            entries.append(b"")
            if isinstance(content, bytes):
                chains = small if len(content) < CUTOFF else large
                place = chains.add(content, apart), len(content)
                entries[number] = _entry(name, 2, first, NONE, *place)
            else:
                entries[number] = _entry(name, 1, first, add(content), 0, 0)
            first = number
        return first

    child = add(tree)
    held = large.add(small.data), len(small.data)
    entries[0] = _entry("Root Entry", 5, NONE, child, *held, root_class)
    while len(entries) % 4:
        entries.append(bytes(68) + struct.pack("<III", NONE, NONE, NONE).ljust(60, b"\0"))
    directory = large.add(b"".join(entries))
    links = struct.pack(f"<{len(small.table)}I", *small.table)
    small_table = large.add(links.ljust(-(-len(links) // SECTOR) * SECTOR, b"\xff"))
    tables = 1
    while tables * 128 < len(large.table) + tables:
        tables += 1
    first_table = len(large.table)
    numbers = large.table + [FAT_SECTOR] * tables
    packed = struct.pack(f"<{len(numbers)}I", *numbers).ljust(tables * SECTOR, b"\xff")
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16)
    head += struct.pack("<HHHHH6xII", 0x3E, 3, 0xFFFE, 9, 6, 0, tables)
    head += struct.pack(
        "<IIIIIII", directory, 0, CUTOFF, small_table, -(-len(links) // SECTOR), END, 0
    )
    head += struct.pack(f"<{tables}I", *range(first_table, first_table + tables))
    return head.ljust(SECTOR, b"\xff") + large.data + packed


def _entry(
    name: str, kind: int, right: int, child: int, start: int, size: int, form: bytes = bytes(16)
) -> bytes:
    written = name.encode("utf-16-le") + b"\0\0"
    head = written.ljust(64, b"\0") + struct.pack(
        "<HBBIII", len(written), kind, 1, NONE, right, child
    )
    return head + form + bytes(20) + struct.pack("<IQ", start, size)


def attachment(content: bytes | Tree, name: str = "", tag: str = "37010102") -> Tree:
    """An attachment's storage, `content` as the property `tag`."""
    named = {"__substg1.0_3707001F": name.encode("utf-16-le")} if name else {}
    return {"__properties_version1.0": bytes(32), **named, f"__substg1.0_{tag}": content}
