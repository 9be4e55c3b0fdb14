"""JPEG pictures without an end marker, as interrupted copies leave them.

Where nothing but the marker is missing, the picture is there to the last pixel.
"""

from __future__ import annotations

import re

from scanner.images.jpeg import is_sound
from scanner.images.jpeg_markers import ALONE, DATA_END, END, FRAMES, SCAN

START, END_MARKER = b"\xff\xd8", bytes((0xFF, END))
NO_SEGMENT = ALONE | {START[1]}
MARKER = re.compile(rb"\xff+([^\0\xff])", re.DOTALL)
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
    return next((whole for end in ends if is_sound(whole := body[:end] + END_MARKER)), None)


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
        if code == END:
            return None
        segment = data[behind + 2 : behind + int.from_bytes(data[behind : behind + 2], "big")]
        place = behind + 2 + len(segment)
        if code in FRAMES:
            missing = dict.fromkeys(segment[6::3], ALL)
        elif code == SCAN and segment:
            scans += 1
            _note(segment, missing)
            data_end = DATA_END.search(data, place)
            place = data_end.start() if data_end else len(data)
    return (place, not any(missing.values())) if scans else None


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
