"""A small camera RAW file written by hand: no free program writes them."""

from __future__ import annotations

import struct

BYTE, ASCII, SHORT, LONG, SRATIONAL = 1, 2, 3, 4, 10
CODES = {BYTE: "B", ASCII: "B", SHORT: "H", LONG: "I", SRATIONAL: "i"}
IDENTITY = [number for cell in (1, 0, 0, 0, 1, 0, 0, 0, 1) for number in (cell, 1)]
Entry = tuple[int, int, list[int]]


def dng(preview: bytes, size: tuple[int, int]) -> bytes:
    """A DNG of `size` with the JPEG `preview`, of that size too, in its first directory."""
    width, height = size
    sensor = struct.pack(f"<{width * height}H", *(at % 4096 for at in range(width * height)))
    # The places depend on the directories' sizes, and these on nothing: once to measure.
    first, second = _directories(size, len(preview), len(sensor), 0, 0, 0)
    sub_at = 8 + len(first)
    preview_at = sub_at + len(second)
    sensor_at = preview_at + len(preview)
    first, second = _directories(size, len(preview), len(sensor), sub_at, preview_at, sensor_at)
    return b"II*\0" + struct.pack("<I", 8) + first + second + preview + sensor


def _directories(
    size: tuple[int, int], preview: int, sensor: int, sub_at: int, preview_at: int, sensor_at: int
) -> tuple[bytes, bytes]:
    width, height = size
    both = [(256, LONG, [width]), (257, LONG, [height]), (278, LONG, [height])]
    reduced, jpeg, ycbcr, bare, colour_filter_array = 1, 7, 6, 1, 32803
    first: list[Entry] = [
        *both,
        (254, LONG, [reduced]),
        (258, SHORT, [8, 8, 8]),
        (259, SHORT, [jpeg]),
        (262, SHORT, [ycbcr]),
        (271, ASCII, list(b"Maker\0")),
        (272, ASCII, list(b"Model\0")),
        (273, LONG, [preview_at]),
        (277, SHORT, [3]),
        (279, LONG, [preview]),
        (330, LONG, [sub_at]),
        (50706, BYTE, [1, 4, 0, 0]),
        (50708, ASCII, list(b"Maker Model\0")),
        (50721, SRATIONAL, IDENTITY),
    ]
    second: list[Entry] = [
        *both,
        (254, LONG, [0]),
        (258, SHORT, [16]),
        (259, SHORT, [bare]),
        (262, SHORT, [colour_filter_array]),
        (273, LONG, [sensor_at]),
        (277, SHORT, [1]),
        (279, LONG, [sensor]),
        (33421, SHORT, [2, 2]),
        (33422, BYTE, [0, 1, 1, 2]),
        (50717, LONG, [4095]),
    ]
    return _directory(first, 8), _directory(second, sub_at)


def _directory(entries: list[Entry], at: int) -> bytes:
    """A TIFF directory that will lie at byte `at`, with the values that do not fit into it."""
    behind = b""
    fields = struct.pack("<H", len(entries))
    end = at + len(fields) + 12 * len(entries) + 4
    for tag, kind, numbers in sorted(entries):
        value = struct.pack(f"<{len(numbers)}{CODES[kind]}", *numbers)
        if len(value) > 4:
            value, behind = struct.pack("<I", end + len(behind)), behind + value
        count = len(numbers) // 2 if kind == SRATIONAL else len(numbers)
        fields += struct.pack("<HHI", tag, kind, count) + value.ljust(4, b"\0")
    return fields + struct.pack("<I", 0) + behind
