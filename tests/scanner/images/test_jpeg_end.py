"""Protects: a JPEG that lacks nothing but its end marker is judged by its pixels, and told of; one
that lacks more is not."""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from scanner.images.decode import opened
from scanner.images.jpeg_end import completed, lacks_end
from scanner.limits import Limits
from scanner.record import Status
from scanner.workers.examine import examine
from tests.conftest import EVERY_SIZE
from tests.scanner.carving.pictures import picture

END = b"\xff\xd9"
SIDES = (32, 300)
WRITTEN: tuple[dict[str, Any], ...] = (
    {},
    {"progressive": True},
    {"quality": 95, "subsampling": 0},
    {"restart_marker_blocks": 2},
)


def jpeg(side: int = 300, mode: str = "RGB", **options: Any) -> bytes:
    stream = io.BytesIO()
    thumbnail = io.BytesIO()
    picture(2, 16).save(thumbnail, "JPEG")
    # Its end marker is not that of the picture.
    comment = thumbnail.getvalue()
    picture(1, side).convert(mode).save(stream, "JPEG", comment=comment, **options)
    return stream.getvalue()


def pixels(data: bytes, page: int = 1) -> bytes:
    with opened(data) as pages:
        return pages.decode(page).rgb.tobytes()


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("options", WRITTEN)
@pytest.mark.parametrize(
    "damaged",
    [
        lambda data: data[:-2],
        lambda data: data[:-1],
        lambda data: data[:-2] + bytes(100),
        lambda data: data[:-1] + bytes(9),
        lambda data: data[:-2] + b"\xff" * 100,
        lambda data: data[:-2] + bytes(2_000_000),
    ],
    ids=["cut", "half cut", "zeros", "half zeros", "erased flash", "many zeros"],
)
def test_all_pixels_are_judged_and_the_marker_is_missed(
    side: int, options: dict[str, Any], damaged: Callable[[bytes], bytes]
) -> None:
    whole = jpeg(side, **options)
    data = damaged(whole)
    assert pixels(data) == pixels(whole)
    examined = examine(data, EVERY_SIZE, Limits())
    assert examined.status is Status.SCORED
    assert examined.doubt is None
    assert "end_marker" in (examined.evidence or "")
    assert "end_marker" not in (examine(whole, EVERY_SIZE, Limits()).evidence or "")


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_other_colours(mode: str) -> None:
    assert pixels(jpeg(mode=mode)[:-2]) == pixels(jpeg(mode=mode))


@pytest.mark.parametrize("options", WRITTEN)
def test_one_that_lacks_more_is_not_completed(options: dict[str, Any]) -> None:
    data = jpeg(**options)
    compressed = data.rindex(b"\xff\xda")
    for stop in [*range(300, compressed, 97), *range(compressed, len(data) - 2, 211)]:
        assert completed(data[:stop]) is None
        assert completed(data[:stop] + bytes(50)) is None
    assert examine(data[: len(data) // 2], EVERY_SIZE, Limits()).status is Status.UNREADABLE


@pytest.mark.parametrize("options", WRITTEN)
@pytest.mark.parametrize("lost", [10, 50, 1_000, 8_000])
def test_what_zeros_stand_for_gets_no_verdict(lost: int, options: dict[str, Any]) -> None:
    """As of a download that reserved its room: a decoder makes pixels of the zeros."""
    examined = examine(jpeg(**options)[:-lost] + bytes(300_000), EVERY_SIZE, Limits())
    if examined.status is Status.SCORED:
        reason = "the compressed data of the image break off, though it can be decoded"
        assert examined.doubt == reason
    else:
        assert examined.status is Status.UNREADABLE
    assert "end_marker" in (examined.evidence or "")


def test_no_scan_of_a_progressive_picture_may_be_missing() -> None:
    """A decoder shows what there is, coarse as it may be, and finds nothing amiss."""
    data = jpeg(progressive=True)
    scans = [at for at in range(len(data)) if data.startswith(b"\xff\xda", at)]
    start = data.index(b"\xff\xc2")
    later = [at for at in scans if at > start][1:]
    assert len(later) > 5
    for at in later:
        assert completed(data[:at]) is None
        assert lacks_end(data[:at])


def test_a_lost_last_byte_of_the_scan_is_noticed_or_makes_no_difference() -> None:
    for seed in range(40):
        stream = io.BytesIO()
        picture(seed, 64).save(stream, "JPEG")
        if whole := completed(stream.getvalue()[:-3]):
            assert pixels(whole) == pixels(stream.getvalue())


def test_a_scan_that_ends_in_a_stuffed_byte_keeps_it() -> None:
    found = 0
    for seed in range(3_000):
        stream = io.BytesIO()
        noise = np.random.default_rng(seed).integers(0, 256, (8, 8), np.uint8)
        Image.fromarray(noise).save(stream, "JPEG")
        data = stream.getvalue()
        if data.endswith(b"\xff\0" + END):
            found += 1
            assert completed(data[:-2]) == completed(data[:-2] + bytes(9)) == data
    assert found


def test_what_follows_where_the_marker_should_be_is_no_part_of_it() -> None:
    data = jpeg()
    assert completed(data[:-2] + jpeg(32)) == data
    assert completed(data[:-2] + random.Random(0).randbytes(900)) is None
    assert completed(data) is None
    assert completed(data + b"more") is None


@pytest.mark.parametrize("missing", [0, 1])
def test_each_of_several_pictures_is_completed(missing: int) -> None:
    stream = io.BytesIO()
    first, second = picture(1, 64), picture(2, 64)
    first.save(stream, "MPO", save_all=True, append_images=[second])
    whole = stream.getvalue()
    at = whole.index(END + b"\xff\xd8") if missing == 0 else len(whole) - 2
    data = whole[:at] + bytes(2) + whole[at + 2 :] if missing == 0 else whole[:at]
    for page in (1, 2):
        assert pixels(data, page) == pixels(whole, page)


def test_what_is_no_jpeg_is_left_alone() -> None:
    for data in (
        b"",
        b"\xff\xd8",
        b"\xff\xd8\xff",
        b"text",
        b"\xff\xd8\xff\xda",
        b"\xff\xd8\xff\xda\0",
    ):
        assert completed(data) is None
        lacks_end(data)
