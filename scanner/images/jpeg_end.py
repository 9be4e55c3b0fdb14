"""JPEG pictures without an end marker, as interrupted copies leave them.

Where nothing but the marker is missing, the picture is there to the last pixel.
"""

from __future__ import annotations

import re

import numpy as np

from scanner.images.jpeg import is_sound

START, END = b"\xff\xd8", b"\xff\xd9"
FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
SCAN, NO_SEGMENT = 0xDA, frozenset({0x01, *range(0xD0, 0xD9)})
MARKER = re.compile(rb"\xff+([^\0\xff])", re.DOTALL)
# What, behind 0xFF, ends compressed data: all but a stuffed zero, restarts and more of the same.
IS_MARKER = np.ones(256, bool)
IS_MARKER[[0x00, 0xFF, *range(0xD0, 0xD8)]] = False
PIECE_BYTES = 1 << 16
FILLER = b"\0\xff"  # in place of the marker and behind it
STUFFED, MOST_STUFFED = b"\xff\0", 8
ALL = (1 << 64) - 1  # the coefficients of a block
MOST_SEGMENTS = 10_000


def lacks_end(data: bytes) -> bool:
    """Whether the first picture of a JPEG file has compressed data and no end marker."""
    return _broken_off(data) is not None


def completed(data: bytes) -> bytes | None:
    """The first picture of a JPEG file with its end marker, if that alone is missing; else None."""
    found = _broken_off(data)
    if found is None or not found[1]:
        return None
    body = data[: found[0]]
    end = len(body.rstrip(FILLER))
    stuffed = body.rfind(STUFFED, end, end + MOST_STUFFED)  # which may be the last of the data
    ends = (end, stuffed + len(STUFFED)) if stuffed >= 0 else (end,)
    return next((whole for end in ends if is_sound(whole := body[:end] + END)), None)


def breaks_off(data: bytes) -> str | None:
    """A sentence if more than the end marker is missing of the first picture of a JPEG file.

    Of what fills its place, such as zeros, a decoder makes pixels.
    """
    if lacks_end(data) and completed(data) is None:
        return "the compressed data of the image break off, though it can be decoded"
    return None


def _broken_off(data: bytes) -> tuple[int, bool] | None:
    """Where the compressed data stop, and whether every scan was begun; None where they end.

    Of a progressive picture each scan adds to what the others say of it, and a decoder does not
    miss one.
    """
    if not data.startswith(START):
        return None
    place, missing, scans = len(START), dict[int, int](), 0
    for _ in range(MOST_SEGMENTS):
        marker = MARKER.match(data, place)
        if marker is None or marker[1][0] in NO_SEGMENT:
            break
        code, behind = marker[1][0], marker.end()
        if code == END[1]:
            return None
        segment = data[behind + 2 : behind + int.from_bytes(data[behind : behind + 2], "big")]
        place = behind + 2 + len(segment)
        if code in FRAMES:
            missing = dict.fromkeys(segment[6::3], ALL)
        elif code == SCAN and segment:
            scans += 1
            _note(segment, missing)
            place = _scan_end(data, place)
    return (place, not any(missing.values())) if scans else None


def _scan_end(data: bytes, place: int) -> int:
    for start in range(place, len(data) - 1, PIECE_BYTES):
        size = min(PIECE_BYTES + 1, len(data) - start)
        piece = np.frombuffer(data, np.uint8, size, start)
        fill = np.flatnonzero(piece[:-1] == 0xFF)
        if (markers := fill[IS_MARKER[piece[fill + 1]]]).size:
            return start + int(markers[0])
    return len(data)


def _note(scan: bytes, missing: dict[int, int]) -> None:
    """Take from `missing`, of each component, the coefficients whose last bits are in a scan."""
    number = scan[0]
    if len(scan) < 2 * number + 4:
        return
    first, last, bits = scan[2 * number + 1 : 2 * number + 4]
    if bits & 15 == 0 and last < 64:
        of_scan = (ALL >> 63 - last) & (ALL << first)
        for component in scan[1 : 2 * number + 1 : 2]:
            missing[component] = missing.get(component, ALL) & ~of_scan
