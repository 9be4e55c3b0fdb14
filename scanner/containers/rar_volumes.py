"""What a RAR says of itself as one of several volumes, at its beginning and at its end."""

from __future__ import annotations

import re

from scanner.containers.rar import MAGIC, MAGIC_5

FIRST = 0
LATER = -1  # the fourth version does not say which
IS_VOLUME, HAS_NUMBER = 1, 2  # flags of the fifth version's archive header
MAIN_4, MAIN_5 = 0x73, 1  # types of that header
IS_FIRST_4 = 0x100
END_BYTES = 24
END_5 = re.compile(rb"\x03\x05.(.)\Z", re.DOTALL)  # size, type, flags, flags of the end
END_4 = re.compile(rb"\x7b([\x00-\x0f])\x40")  # type, flags


def number(head: bytes) -> int | None:
    """Which volume it is, from FIRST, or LATER; None for an archive in one file, and any other."""
    if head.startswith(MAGIC_5):
        place = len(MAGIC_5) + 4
        fields = []
        for _ in range(6):
            value, place = _number(head, place)
            fields.append(value)
        # Its size and type, flags, the size of an extra area if these say so, and its own flags.
        _, kind, flags, *rest = fields
        rest = rest[1:] if flags & 1 else rest
        if kind != MAIN_5 or not rest[0] & IS_VOLUME:
            return None
        return rest[1] if rest[0] & HAS_NUMBER else FIRST
    if head.startswith(MAGIC) and len(head) > 12 and head[9] == MAIN_4:
        flags = int.from_bytes(head[10:12], "little")
        return (FIRST if flags & IS_FIRST_4 else LATER) if flags & IS_VOLUME else None
    return None


def is_followed(head: bytes, tail: bytes) -> bool | None:
    """Whether another volume follows the one that ends with `tail`; None where nothing says."""
    pattern = END_5 if head.startswith(MAGIC_5) else END_4
    found = pattern.search(tail[-END_BYTES:])
    return None if found is None else bool(found[1][0] & 1)


def _number(data: bytes, place: int) -> tuple[int, int]:
    """The variable-length integer at `place`, seven bits a byte, and where it ends."""
    value = 0
    for shift in range(0, 70, 7):
        byte = data[place] if place < len(data) else 0
        value |= (byte & 0x7F) << shift
        place += 1
        if not byte & 0x80:
            break
    return value, place
