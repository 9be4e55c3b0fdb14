"""The named blocks that Samsung's programs append to an image, with a directory at the very end."""

from __future__ import annotations

import struct

END, DIRECTORY = b"SEFT", b"SEFH"
ENTRY = struct.Struct("<HHII")  # nothing, type, how far before the directory, size
BLOCK = struct.Struct("<HHI")  # nothing, type, length of the name that follows
DIRECTORY_HEAD, MOST_BLOCKS, LONGEST_NAME, LARGEST = 12, 256, 100, 1 << 20
SEARCHED = 1 << 16  # bytes from the end on: editors leave some behind it


def blocks(data: bytes) -> tuple[tuple[str, bytes], ...]:
    """Name and content of each block of at most LARGEST bytes; none where there is no directory."""
    end = data.rfind(END, max(0, len(data) - SEARCHED))
    if end < 4:
        return ()
    start = end - 4 - int.from_bytes(data[end - 4 : end], "little")
    if start < 0 or data[start : start + 4] != DIRECTORY:
        return ()
    count = int.from_bytes(data[start + 8 : start + DIRECTORY_HEAD], "little")
    entries = data[start + DIRECTORY_HEAD : end - 4][: min(count, MOST_BLOCKS) * ENTRY.size]
    found = []
    for _, _, back, size in ENTRY.iter_unpack(entries[: len(entries) // ENTRY.size * ENTRY.size]):
        place = start - back
        if place < 0 or not BLOCK.size <= size <= LARGEST or size > back:
            continue
        _, _, name_bytes = BLOCK.unpack_from(data, place)
        if name_bytes <= min(LONGEST_NAME, size - BLOCK.size):
            name = data[place + BLOCK.size : place + BLOCK.size + name_bytes].decode("latin-1")
            found.append((name, data[place + BLOCK.size + name_bytes : place + size]))
    return tuple(found)
