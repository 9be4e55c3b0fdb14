"""Protects: images made to exhaust a decoder end in bounded time and memory, in a row."""

from __future__ import annotations

import struct
import time
import zlib
from collections.abc import Sequence

from scanner.limits import Limits
from scanner.record import Status
from scanner.sources.found import Found
from scanner.workers.examined import Examined
from scanner.workers.pool import Workers
from tests.conftest import EVERY_SIZE
from tests.scanner.scans import HANG_GUARD, picture, slow_gif

SIDE = 50_000
MIB = 1 << 20


def examined(files: Sequence[bytes], limits: Limits, count: int = 1) -> list[Examined]:
    """What a pool makes of these files, in their order."""
    answers: dict[int, Examined] = {}
    end = time.monotonic() + HANG_GUARD
    with Workers(count, EVERY_SIZE, limits) as workers:
        for n, data in enumerate(files):
            workers.submit(Found(str(n), n, data))
        while workers.busy():
            assert time.monotonic() < end
            answers |= {found.position: result for found, result in workers.results(0.2)}
    return [answers[n] for n in range(len(files))]


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, *, data: bytes = b"", extra: bytes = b"") -> bytes:
    """An 8-bit RGB image with the given compressed rows, whole or not."""
    header = chunk(b"IHDR", struct.pack(">2I5B", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + extra + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def tiff(width: int, height: int) -> bytes:
    """An uncompressed grey image whose only strip is missing."""
    tags = [(256, width), (257, height), (258, 8), (259, 1), (262, 1), (273, 200), (278, height)]
    tags.append((279, width * height % 2**32))
    entries = b"".join(struct.pack("<2H2I", tag, 4, 1, value) for tag, value in tags)
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4)


def gif(width: int, height: int) -> bytes:
    screen = b"GIF89a" + struct.pack("<2H3B", width, height, 0x80, 0, 0) + bytes(6)
    return screen + b"\x2c" + struct.pack("<4HB", 0, 0, width, height, 0) + b"\x02\x01\x44\x00;"


def bmp(width: int, height: int) -> bytes:
    header = struct.pack("<I2i2H6I", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<3I", 1000, 0, 54) + header + bytes(946)


def test_headers_of_huge_images() -> None:
    files = [make(SIDE, SIDE) for make in (png, tiff, gif, bmp)]
    for outcome in examined([*files, picture(1)], Limits())[:-1]:
        assert outcome.status is Status.OVER_LIMIT
        assert outcome.error is not None
        assert "limit of 178,956,970" in outcome.error


def test_the_limit_of_pixels_can_be_raised_and_lowered() -> None:
    large = png(14_000, 13_000, data=zlib.compress(bytes(9)))
    assert examined([large], Limits())[0].status is Status.OVER_LIMIT
    raised = examined([large], Limits(pixels=200_000_000))[0]
    assert raised.status is Status.UNREADABLE, "its rows are missing"
    assert examined([picture(1)], Limits(pixels=1000))[0].status is Status.OVER_LIMIT


def test_text_that_expands() -> None:
    text = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(300 * MIB)))
    outcome = examined([png(32, 32, extra=text)], Limits())[0]
    assert outcome.status is Status.UNREADABLE
    assert outcome.error is not None
    assert "too large" in outcome.error


def test_rows_that_expand() -> None:
    """More pixels in the file than its header announces are never expanded."""
    rows = zlib.compress(bytes(300 * MIB))
    outcome = examined([png(32, 32, data=rows)], Limits(memory_bytes=256 * MIB))[0]
    assert outcome.status in (Status.SCORED, Status.UNREADABLE)


def test_an_image_that_needs_too_much_memory() -> None:
    rows = zlib.compress(bytes(9000 * (1 + 3 * 9000)), 1)
    limits = Limits(memory_bytes=256 * MIB)
    outcomes = examined([picture(1), png(9000, 9000, data=rows), picture(2)], limits)
    assert [outcome.status for outcome in outcomes] == [
        Status.SCORED, Status.OVER_LIMIT, Status.SCORED,
    ]  # fmt: skip
    assert outcomes[1].error is not None
    assert "more memory than the limit of 268,435,456 bytes" in outcomes[1].error


def test_a_member_too_large_for_its_worker_costs_itself() -> None:
    """It does not even arrive there, and the small files beside it are not taken for it."""
    files = [picture(1), picture(2), bytes(400 * MIB), picture(3)]
    outcomes = examined(files, Limits(memory_bytes=256 * MIB))
    statuses = [outcome.status for outcome in outcomes]
    assert statuses == [Status.SCORED, Status.SCORED, Status.OVER_LIMIT, Status.SCORED]
    assert outcomes[2].bytes == 400 * MIB


def test_endless_frames() -> None:
    files = [picture(1), slow_gif(), picture(2)]
    outcomes = examined(files, Limits(seconds=3), count=2)
    assert [outcome.status for outcome in outcomes] == [
        Status.SCORED, Status.TIMEOUT, Status.SCORED,
    ]  # fmt: skip
    assert outcomes[1].error == "decoding took longer than the limit of 3 seconds"
    assert outcomes[1].bytes == len(files[1])
