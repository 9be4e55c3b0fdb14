"""Segments of a disk image in EnCase's format (Expert Witness Compression Format, version 1)."""

from __future__ import annotations

MAGIC = b"EVF\x09\x0d\x0a\xff\0"
NUMBER_AT = 9  # of the segment, two bytes
SECTION_BYTES = 76  # of the description of a section
NEXT = b"next\0"  # the last section of a segment that another follows


def segment(head: bytes) -> int:
    """The number of the segment that begins with `head`, from 1; 0 for any other file."""
    return int.from_bytes(head[NUMBER_AT : NUMBER_AT + 2], "little") if head[:8] == MAGIC else 0


def is_followed(tail: bytes) -> bool:
    """Whether the segment that ends with `tail` says that another follows."""
    return tail[-SECTION_BYTES:].startswith(NEXT)
