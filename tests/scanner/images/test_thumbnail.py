"""Protects: a report's small pictures show what was decoded, and nothing else of the file."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from scanner.images.decode import decode
from scanner.images.thumbnail import thumbnail
from tests.conftest import encoded, image_bytes


def shown(data: bytes) -> Image.Image:
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        return image


@pytest.mark.parametrize(
    ("size", "expected", "kind"),
    [
        ((1, 1), (1, 1), "PNG"),
        ((64, 10), (64, 10), "PNG"),
        ((65, 10), (65, 10), "WEBP"),
        ((224, 200), (224, 200), "WEBP"),
        ((1000, 500), (224, 112), "WEBP"),
        ((300, 4001), (17, 224), "WEBP"),
        ((8000, 1), (224, 1), "WEBP"),
        ((1, 8000), (1, 224), "WEBP"),
    ],
)
def test_size_and_format(size: tuple[int, int], expected: tuple[int, int], kind: str) -> None:
    small = shown(thumbnail(Image.new("RGB", size, (200, 100, 50))))
    assert (small.size, small.format) == (expected, kind)
    assert abs(np.asarray(small.convert("RGB")).mean(axis=(0, 1)) - (200, 100, 50)).max() < 8


def test_of_a_tiny_picture_each_pixel_is_kept() -> None:
    rgb = decode(image_bytes("PNG", size=(64, 48))).rgb
    assert np.array_equal(np.asarray(shown(thumbnail(rgb))), np.asarray(rgb))


def test_it_shows_the_whole_picture_upright() -> None:
    picture = Image.new("RGB", (400, 200))
    picture.paste((255, 255, 255), (0, 0, 200, 200))  # the left half, which is to be above
    exif = Image.Exif()
    exif[274] = 6
    small = shown(thumbnail(decode(encoded(picture, "PNG", exif=exif)).rgb))
    assert small.size == (112, 224)
    grey = np.asarray(small.convert("L"))
    assert grey[:104].min() > 200
    assert grey[120:].max() < 50


@pytest.mark.parametrize("side", [32, 300])
def test_nothing_that_the_file_says_goes_with_it(side: int) -> None:
    secret = "whose picture this is"
    text = PngInfo()
    text.add_text("Comment", secret)
    exif = Image.Exif()
    exif[270] = secret
    picture = Image.new("RGB", (side, side))
    options = {"pnginfo": text, "exif": exif, "icc_profile": secret.encode(), "dpi": (99, 99)}
    rgb = decode(encoded(picture, "PNG", **options)).rgb
    assert rgb.info
    small = thumbnail(rgb)
    assert secret.encode() not in small
    assert small == thumbnail(picture)
    assert rgb.info, "what others read of it is as it was"
