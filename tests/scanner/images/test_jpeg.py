"""Protects: a JPEG decoded and checked in one pass has the very pixels that Pillow gives."""

from __future__ import annotations

import gc
import io

import numpy as np
import pytest
from PIL import ExifTags, Image

from scanner.images.decode import decode, opened
from scanner.images.jpeg import decode_checked, jpeg_damage
from tests.scanner.carving.pictures import picture

SIZES = ((1, 1), (7, 9), (16, 16), (33, 250), (301, 203))
SAVED: tuple[dict[str, object], ...] = (
    {},
    {"quality": 40},
    {"quality": 95, "subsampling": "4:4:4"},
    {"subsampling": "4:2:2"},
    {"subsampling": "4:2:0"},
    {"progressive": True, "quality": 88},
    {"progressive": True, "subsampling": "4:4:4"},
    {"optimize": True},
    {"restart_marker_blocks": 1},
    {"restart_marker_rows": 2, "progressive": True},
    {"keep_rgb": True},
)


def jpeg(size: tuple[int, int], mode: str = "RGB", **options: object) -> bytes:
    stream = io.BytesIO()
    picture(3, 320).resize(size).convert(mode).save(stream, "JPEG", **options)
    return stream.getvalue()


def by_pillow(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data)).convert("RGB")


def checked(data: bytes) -> Image.Image | None:
    return decode_checked(data, Image.open(io.BytesIO(data))).rgb


def assert_same(found: Image.Image | None, wanted: Image.Image) -> None:
    assert found is not None
    assert (found.mode, found.size) == (wanted.mode, wanted.size)
    assert found.tobytes() == wanted.tobytes()


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("options", SAVED, ids=str)
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_its_pixels_are_pillows(
    size: tuple[int, int], options: dict[str, object], mode: str
) -> None:
    data = jpeg(size, mode, **options)
    assert_same(checked(data), by_pillow(data))
    assert_same(checked(data + b"\0" * 99), by_pillow(data))


def test_what_is_made_of_them_is_the_same() -> None:
    """Its decoder gives four bytes a pixel: all that reads them agrees."""
    data = jpeg((301, 203))
    found, wanted = checked(data), by_pillow(data)
    assert found is not None
    gc.collect()
    box, bicubic = (3, 5, 200, 180), Image.Resampling.BICUBIC
    assert_same(found.crop(box), wanted.crop(box))
    assert_same(found.resize((64, 48), bicubic, box), wanted.resize((64, 48), bicubic, box))
    assert_same(found.reduce(2), wanted.reduce(2))
    assert_same(found.transpose(Image.Transpose.ROTATE_90), wanted.transpose(Image.Transpose(2)))
    assert np.array_equal(np.asarray(found), np.asarray(wanted))
    assert found.convert("L").tobytes() == wanted.convert("L").tobytes()
    assert [band.tobytes() for band in found.split()] == [it.tobytes() for it in wanted.split()]


def test_a_damaged_one_is_left_to_pillow() -> None:
    data = jpeg((301, 203))
    start = data.index(b"\xff\xda") + 14
    told = 0
    for place in range(start, len(data) - 400, 97):
        broken = data[:place] + b"what lay in another cluster" * 9 + data[place + 243 :]
        if checked(broken) is not None:
            continue  # by chance its decoder ends at the right place
        told += 1
        with opened(broken) as pages:
            try:
                wanted = by_pillow(broken)
            except OSError:
                continue
            assert_same(pages.decode(1).rgb, wanted)
            assert pages.damage() == jpeg_damage(broken) is not None, "asked once or twice"
    assert told > 20
    assert checked(data[: len(data) // 2]) is None


def test_other_colours_are_left_to_pillow() -> None:
    data = jpeg((40, 30), "CMYK")
    assert checked(data) is None
    assert_same(decode(data).rgb, by_pillow(data))


def test_a_size_that_the_two_decoders_do_not_agree_on_is_left_to_pillow() -> None:
    found = decode_checked(jpeg((40, 30)), Image.open(io.BytesIO(jpeg((30, 40)))))
    assert (found.rgb, found.complaint) == (None, None)


def test_it_is_turned_as_its_exif_says() -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    data = jpeg((40, 30), exif=exif)
    decoded = decode(data)
    assert (decoded.width, decoded.height) == (40, 30)
    assert_same(decoded.rgb, by_pillow(data).transpose(Image.Transpose.ROTATE_270))
    assert_same(decoded.as_stored()[0], by_pillow(data))


def test_of_several_pictures_each_is_its_own() -> None:
    """The first of an MPO is decoded in one pass, the second by Pillow."""
    stream = io.BytesIO()
    first, second = picture(3, 64), picture(4, 64)
    first.save(stream, "MPO", save_all=True, append_images=[second])
    data = stream.getvalue()
    with opened(data) as pages, Image.open(io.BytesIO(data)) as image:
        for number in (1, 2):
            image.seek(number - 1)
            assert_same(pages.decode(number).rgb, image.convert("RGB"))
        assert pages.damage() is None
