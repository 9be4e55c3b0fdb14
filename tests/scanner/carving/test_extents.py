"""Protects: where a picture ends that begins in other bytes, to the byte, and what is none."""

from __future__ import annotations

import io
import random
import struct

import pytest
from PIL import Image

from scanner.carving.extents import Extent, is_film
from scanner.carving.marks import PICTURES, end_of_first, picture_at
from scanner.carving.window import Window
from tests.scanner.carving.pictures import KINDS, encoded, jpeg, picture

EVERY = range(len(KINDS))


def found(data: bytes) -> tuple[str, Extent] | None:
    return picture_at(Window(io.BytesIO(data), 0, len(data)))


@pytest.mark.parametrize("kind", EVERY)
def test_a_whole_picture_ends_at_its_last_byte(kind: int) -> None:
    data = encoded(kind)
    # What follows must not matter: nothing, noise, zeros, another picture.
    for behind in (b"", b"\xff" * 99 + bytes(99), bytes(4096), data):
        result = found(data + behind)
        assert result is not None
        suffix, extent = result
        assert (suffix, extent.size, extent.whole) == (KINDS[kind][0], len(data), True)


@pytest.mark.parametrize("kind", EVERY)
def test_a_picture_that_is_cut_short_is_not_whole(kind: int) -> None:
    data = encoded(kind)
    for share in (0.7, 0.9, 0.99):
        cut = data[: int(share * len(data))]
        result = found(cut)
        assert result is None or (not result[1].whole and result[1].size <= len(cut))


@pytest.mark.parametrize("mark", [mark for _, mark, _ in PICTURES])
def test_a_mark_alone_is_no_picture(mark: bytes) -> None:
    for behind in (b"", bytes(999), b"\xff" * 999, b" and then a text" * 99):
        assert found(mark + behind) is None


def test_marks_in_random_bytes_are_no_pictures() -> None:
    noise = random.Random(0).randbytes(1 << 16)
    chances = [found(mark + noise[at:]) for _, mark, _ in PICTURES for at in range(0, 40_000, 400)]
    # A JPEG or TIFF header makes sense by chance once in many thousands.
    assert sum(result is not None for result in chances) <= 1


def test_every_frame_of_an_animation_is_inside() -> None:
    frames = [picture(seed) for seed in range(4)]
    for name in ("GIF", "WEBP", "PNG", "TIFF"):
        stream = io.BytesIO()
        frames[0].save(stream, name, save_all=True, append_images=frames[1:])
        data = stream.getvalue()
        result = found(data + jpeg())
        assert result is not None
        assert result[1].whole
        assert len(data) - 4 <= result[1].size <= len(data)  # a TIFF may be padded


def test_a_jpeg_with_a_thumbnail_does_not_end_with_it() -> None:
    whole = jpeg(1)
    segment = b"Exif\0\0" + jpeg(2)
    data = whole[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + whole[2:]
    assert found(data + b"\0") == ("jpg", Extent(len(data), True))


def test_an_overwritten_jpeg_breaks_off_where_no_marker_can_be() -> None:
    data = jpeg(side=256)
    middle = len(data) // 2
    broken = data[:middle] + b"\xff\x02" * 8 + data[middle + 16 :]
    result = found(broken)
    assert result is not None
    assert not result[1].whole
    assert result[1].size == middle


@pytest.mark.parametrize("name", ["ICO", "ICNS"])
def test_icons_at_the_start_of_a_file_have_a_known_end(name: str) -> None:
    stream = io.BytesIO()
    picture(side=64).save(stream, name)
    data = stream.getvalue()
    assert end_of_first(Window(io.BytesIO(data + jpeg()), 0, len(data) + 999)) == len(data)


@pytest.mark.parametrize("compression", [0, 1])
def test_a_photoshop_document_ends_with_its_picture(compression: int) -> None:
    head = b"8BPS" + struct.pack(">H6xHIIHH", 1, 3, 2, 4, 8, 3) + bytes(12)
    # Raw, or in runs whose lengths stand in front: six rows of five bytes.
    pixels = bytes(24) if compression == 0 else struct.pack(">6H", *[5] * 6) + bytes(30)
    data = head + struct.pack(">H", compression) + pixels
    assert end_of_first(Window(io.BytesIO(data + jpeg()), 0, len(data) + 999)) == len(data)


def test_films_and_pictures_of_one_container_format() -> None:
    film = struct.pack(">I4s4sI4s4s", 24, b"ftyp", b"isom", 0, b"isom", b"mp42")
    film += struct.pack(">I4s", 16, b"mdat") + bytes(8)
    assert is_film(Window(io.BytesIO(film), 0, len(film)))
    assert found(film) is None
    for kind in (11, 12):
        data = encoded(kind)
        assert not is_film(Window(io.BytesIO(data), 0, len(data)))


def test_a_part_that_would_never_end_does_not_hang() -> None:
    """Every step goes forward, and there are bounds to how many are taken."""
    endless = {
        "jpg": b"\xff\xd8\xff\xc0"
        + jpeg()[jpeg().index(b"\xff\xc0") + 2 :][:17]
        + b"\xff\xd0" * 99,
        "gif": encoded(3)[:-1] + b"!\xf9" * 9_999,
        "png": encoded(2)[:-12] + b"\0\0\0\0tEXt\0\0\0\0" * 9_999,
    }
    for data in endless.values():
        found(data)


def test_pictures_that_decoders_read_are_found() -> None:
    """The kinds here are those that the decoders take: what is cut out can be judged."""
    for kind in EVERY:
        with Image.open(io.BytesIO(encoded(kind))) as image:
            assert image.size == (32, 32)
