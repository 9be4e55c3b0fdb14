"""How far a TIFF reaches: to the last of the bytes that its directories name."""

from __future__ import annotations

from typing import NamedTuple

from scanner.carving.extents import Extent
from scanner.carving.window import Window

TYPE_BYTES = {
    1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8,
    18: 8,
}  # fmt: skip
WIDTH, HEIGHT, SUB_IFDS = 256, 257, (330, 34665, 34853)
# Tags of TIFF 6.0, XMP and IPTC, Photoshop's resources, ICC profiles, EXIF with its maker's notes.
# What others name is not taken for the picture's own.
LAST_BASELINE = 1_023
KNOWN_TAGS = frozenset({33723, 34377, 34675, *range(33_434, 33_438), *range(34_850, 42_241)})
# Where pixels lie, and how many bytes of them: strips, tiles, and an old JPEG's stream.
PIXELS = {273: 279, 324: 325, 513: 514}
MOST_DIRECTORIES, MOST_ENTRIES, MOST_VALUES = 4_096, 1_024, 1 << 20
MOST_EFFORT = 1 << 26  # of the window's, for one picture


class _Entry(NamedTuple):
    values: tuple[int, ...]
    end: int  # of what it names outside of itself; 0 where it fits


def tiff(window: Window) -> Extent | None:
    """None without a first directory, in bounds, that has a width and a height."""
    order = "little" if window.at(0, 1) == b"I" else "big"
    big = window.number(2, 2, order) == 43
    if big and window.at(4, 4) not in (b"\x08\0\0\0", b"\0\x08\0\0"):
        return None
    wide = 8 if big else 4
    to_visit, seen, end = [window.number(8 if big else 4, wide, order)], set[int](), 0
    whole = True
    while to_visit and len(seen) < MOST_DIRECTORIES and window.effort < MOST_EFFORT:
        place = to_visit.pop()
        if not place or place in seen:
            continue
        is_first = not seen
        seen.add(place)
        entries, behind = _directory(window, place, order, big)
        if entries is None:
            if is_first:
                return None
            whole = False
            continue
        if is_first and not _has_sides(entries):
            return None
        to_visit.append(window.number(behind, wide, order))
        for tag in SUB_IFDS:
            room = max(0, MOST_DIRECTORIES - len(to_visit))
            to_visit.extend(entries[tag].values[:room] if tag in entries else ())
        end = max(end, behind + wide, _pixels_end(entries))
        end = max(end, *(entry.end for entry in entries.values()))
    if not seen:
        return None
    return Extent(min(end, window.size), whole and end <= window.size)


def _has_sides(entries: dict[int, _Entry]) -> bool:
    sides = [entries[tag].values for tag in (WIDTH, HEIGHT) if tag in entries]
    return len(sides) == 2 and all(values and values[0] > 0 for values in sides)


def _pixels_end(entries: dict[int, _Entry]) -> int:
    ends = [0]
    for places, sizes in PIXELS.items():
        if places in entries and sizes in entries:
            pairs = zip(entries[places].values, entries[sizes].values, strict=False)
            ends.extend(place + size for place, size in pairs)
    return max(ends)


def _directory(
    window: Window, place: int, order: str, big: bool
) -> tuple[dict[int, _Entry] | None, int]:
    """The entries by tag, and where the next directory's place stands; None where it is none."""
    wide, counter, each = (8, 8, 20) if big else (4, 2, 12)
    count = window.number(place, counter, order)
    behind = place + counter + count * each
    if not 0 < count <= MOST_ENTRIES or behind > window.size or place < 8:
        return None, behind
    found: dict[int, _Entry] = {}
    for at in range(place + counter, behind, each):
        tag, kind = window.number(at, 2, order), window.number(at + 2, 2, order)
        number = window.number(at + 4, wide, order)
        if kind not in TYPE_BYTES:
            return None, behind
        if tag in found:  # decoders take one of them
            continue
        size = TYPE_BYTES[kind] * number
        here = at + 4 + wide
        outside = size > wide
        if outside:
            here = window.number(here, wide, order)
        wanted = tag in (WIDTH, HEIGHT, *SUB_IFDS, *PIXELS, *PIXELS.values())
        values: tuple[int, ...] = ()
        if wanted and number <= MOST_VALUES:
            values = _values(window.at(here, size), TYPE_BYTES[kind], order)
        is_known = tag <= LAST_BASELINE or tag in KNOWN_TAGS
        found[tag] = _Entry(values, here + size if outside and is_known else 0)
    return found, behind


def _values(data: bytes, size: int, order: str) -> tuple[int, ...]:
    ends = range(0, len(data) - size + 1, size)
    byte_order = "little" if order == "little" else "big"
    return tuple(int.from_bytes(data[at : at + size], byte_order) for at in ends)  # type: ignore[arg-type]
