"""Protects the pixel contract: how a decoded image becomes the view that a model scores."""

from __future__ import annotations

import io
import itertools
import tracemalloc
from collections.abc import Callable
from math import isqrt
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import ExifTags, Image

from scanner.limits import Limits
from scanner.model import Domain
from scanner.preprocess import BLOCK, CUTS, Preprocessing, share_seen, view
from scanner.workers.examine import examine
from scanner.workers.examined import Shown
from tests.conftest import encoded, image_bytes
from tests.scanner.images.png_bytes import RGB, png
from tests.scanner.images.test_decode import BLUE, GREEN, RED, WHITE, corners, quarters


def test_view_of_the_right_size_is_untouched() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    pixels = view(Image.fromarray(noise), Preprocessing(32))
    assert pixels.dtype == np.uint8
    np.testing.assert_array_equal(pixels, noise)


def test_crop_keeps_the_centre_square() -> None:
    image = Image.new("RGB", (60, 20), RED)
    image.paste(GREEN, (20, 0, 40, 20))
    pixels = view(image, Preprocessing(10, "crop", "nearest"))
    assert pixels.shape == (10, 10, 3)
    assert (pixels == GREEN).all()
    upright = view(image.transpose(Image.Transpose.ROTATE_90), Preprocessing(10, "crop", "nearest"))
    assert (upright == GREEN).all()


def test_stretch_keeps_everything() -> None:
    pixels = view(quarters(), Preprocessing(10, "stretch", "nearest"))
    assert pixels.shape == (10, 10, 3)
    assert corners(Image.fromarray(pixels)) == [RED, GREEN, BLUE, WHITE]
    assert (pixels[:5, :5] == RED).all()


@pytest.mark.parametrize("fit", ["crop", "stretch"])
def test_extreme_shapes_have_a_view(fit: str) -> None:
    for size in ((1, 1), (1, 500), (500, 1)):
        assert view(Image.new("RGB", size), Preprocessing(32, fit)).shape == (32, 32, 3)


def test_the_resampling_filter_is_used() -> None:
    image = Image.open(io.BytesIO(image_bytes("PNG", size=(90, 90))))
    views = [
        view(image, Preprocessing(32, "crop", name)).tobytes()
        for name in ("nearest", "bilinear", "bicubic", "lanczos")
    ]
    assert len(set(views)) == 4


@pytest.mark.parametrize(
    ("size", "fit", "resample", "sentence"),
    [
        (0, "crop", "bilinear", "1 to 4096 pixels, not 0"),
        (5000, "crop", "bilinear", "1 to 4096 pixels, not 5000"),
        (3.5, "crop", "bilinear", "1 to 4096 pixels, not 3.5"),
        (True, "crop", "bilinear", "1 to 4096 pixels, not True"),
        (32, "pad", "bilinear", "unknown fit 'pad'; known: crop, stretch"),
        (32, "crop", "cubic", "unknown resampling filter 'cubic'; known: nearest, bilinear"),
    ],
)
def test_invalid_preprocessing_is_refused(
    size: int, fit: str, resample: str, sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        Preprocessing(size, fit, resample)


@pytest.mark.parametrize(
    ("views", "sentence"),
    [
        ({"whole": False}, "without the whole picture and without native cuts there is no view"),
        ({"native": 5}, "native cuts fill a square grid: 0, 1, 4, 9, 16, not 5"),
        ({"native": 25}, "0, 1, 4, 9, 16, not 25"),
        ({"native": -1}, "0, 1, 4, 9, 16, not -1"),
        ({"native": 4.0}, r"0, 1, 4, 9, 16, not 4\.0"),
        ({"native": "four"}, "0, 1, 4, 9, 16, not 'four'"),
        ({"native": True}, "0, 1, 4, 9, 16, not True"),
        ({"native": False}, "0, 1, 4, 9, 16, not False"),
        ({"whole": 1}, "whole must be true or false, not 1"),
    ],
)
def test_views_that_cannot_be_are_refused(views: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Preprocessing(32, **views)


@pytest.mark.parametrize(
    ("largest", "views"),
    [
        (4096, {}),
        (4096, {"whole": False, "native": 1}),
        (2048, {"whole": False, "native": 4}),
        (993, {"native": 16}),
    ],
)
def test_all_views_together_have_no_more_pixels_than_the_largest_one(
    largest: int, views: dict[str, Any]
) -> None:
    """Else a card of a few bytes has every worker hold hundreds of megabytes."""
    assert Preprocessing(largest, **views).size == largest
    with pytest.raises(ValueError, match="4096"):
        Preprocessing(largest + 1, **views)
    sentence = "17 views of 4096x4096 pixels together have more pixels than one of 4096x4096"
    with pytest.raises(ValueError, match=sentence):
        Preprocessing(4096, native=16)


@pytest.mark.parametrize(
    ("preprocessing", "shape", "words"),
    [
        (Preprocessing(8), (8, 8, 3), "the centre square of the picture, scaled to 8x8 pixels"),
        (
            Preprocessing(8, native=4),
            (5, 8, 8, 3),
            "the centre square of the picture, scaled to 8x8 pixels and 4 cuts of 8x8 pixels, "
            "not scaled",
        ),
        (Preprocessing(8, whole=False, native=1), (8, 8, 3), "1 cut of 8x8 pixels, not scaled"),
        (
            Preprocessing(8, whole=False, native=9),
            (9, 8, 8, 3),
            "9 cuts of 8x8 pixels, not scaled",
        ),
    ],
)
def test_several_views_have_an_axis_of_their_own(
    preprocessing: Preprocessing, shape: tuple[int, ...], words: str
) -> None:
    assert preprocessing.shape == view(quarters(), preprocessing).shape == shape
    assert preprocessing.in_words() == words


@pytest.mark.parametrize(
    ("preprocessing", "size", "share"),
    [
        (Preprocessing(8), (30, 40), 0.75),
        (Preprocessing(8), (40, 10), 0.25),
        (Preprocessing(8), (5, 5), 1.0),
        (Preprocessing(8, fit="stretch"), (40, 10), 1.0),
        (Preprocessing(8, whole=False, native=1), (16, 32), 0.125),
        (Preprocessing(8, whole=False, native=1), (4, 32), 0.25),
        (Preprocessing(8, whole=False, native=4), (32, 64), 0.125),
        (Preprocessing(8, whole=False, native=4), (8, 16), 1.0),
        # Places are rounded down to blocks, so that the last four columns are left out.
        (Preprocessing(8, whole=False, native=9), (12, 8), 2 / 3),
        (Preprocessing(8, native=4), (32, 64), 0.5),
        (Preprocessing(8, native=4), (16, 64), 0.25),
    ],
)
def test_how_much_of_a_picture_its_views_show(
    preprocessing: Preprocessing, size: tuple[int, int], share: float
) -> None:
    assert share_seen(size, preprocessing) == pytest.approx(share)


NOISE = np.random.default_rng(3).integers(0, 256, (61, 83, 3), dtype=np.uint8)
# In 61 rows and 83 columns there are 29 and 51 places for a cut of 32 pixels.
CORNERS = [(0, 0), (0, 48), (24, 0), (24, 48)]


def cuts_of(pixels: NDArray[np.uint8], places: list[tuple[int, int]]) -> NDArray[np.uint8]:
    return np.stack([pixels[top : top + 32, left : left + 32] for top, left in places])


def seen_in_a_scan(data: bytes, preprocessing: Preprocessing) -> NDArray[np.uint8]:
    """What a worker sends to the network."""
    examined = examine(data, (Shown(Domain("everything", 1, 10**6), preprocessing),), Limits())
    assert examined.view is not None
    return examined.view


LOSSLESS = {
    "PNG": encoded(Image.fromarray(NOISE), "PNG"),
    "WebP": encoded(Image.fromarray(NOISE), "WEBP", lossless=True),
    "TIFF": encoded(Image.fromarray(NOISE), "TIFF", compression="tiff_lzw"),
    "BMP": encoded(Image.fromarray(NOISE), "BMP"),
    "PNG of 16 bits": png(
        RGB, 16, (83, 61), b"".join(b"\0" + row.repeat(2).tobytes() for row in NOISE)
    ),
}


@pytest.mark.parametrize("kind", LOSSLESS)
def test_native_cuts_are_the_stored_pixels(kind: str) -> None:
    seen = seen_in_a_scan(LOSSLESS[kind], Preprocessing(32, native=4))
    np.testing.assert_array_equal(seen[0], view(Image.fromarray(NOISE), Preprocessing(32)))
    np.testing.assert_array_equal(seen[1:], cuts_of(NOISE, CORNERS))
    centre = seen_in_a_scan(LOSSLESS[kind], Preprocessing(32, whole=False, native=1))
    np.testing.assert_array_equal(centre, NOISE[8:40, 24:56])


# How numpy turns stored pixels upright, for each EXIF orientation.
UPRIGHT: dict[int, Callable[[NDArray[np.uint8]], NDArray[np.uint8]]] = {
    1: lambda stored: stored,
    2: lambda stored: stored[:, ::-1],
    3: lambda stored: stored[::-1, ::-1],
    4: lambda stored: stored[::-1],
    5: lambda stored: stored.transpose(1, 0, 2),
    6: lambda stored: np.rot90(stored, -1),
    7: lambda stored: stored[::-1, ::-1].transpose(1, 0, 2),
    8: np.rot90,
}


@pytest.mark.parametrize("orientation", UPRIGHT)
def test_native_cuts_of_a_jpeg_are_its_pixels_turned_upright(orientation: int) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    data = encoded(Image.fromarray(NOISE), "JPEG", quality=85, exif=exif)
    upright = UPRIGHT[orientation](np.asarray(Image.open(io.BytesIO(data))))
    places = CORNERS if orientation < 5 else [(0, 0), (0, 24), (48, 0), (48, 24)]
    seen = seen_in_a_scan(data, Preprocessing(32, whole=False, native=4))
    np.testing.assert_array_equal(seen, cuts_of(upright, places))


def mirrored(side: int, count: int) -> list[int]:
    """Where `count` pixels in a row come from in a picture of `side`, mirrored at its far edge."""
    there_and_back = [*range(side), *reversed(range(side))]
    return [there_and_back[place % (2 * side)] for place in range(count)]


@settings(max_examples=300, deadline=None)
@given(
    size=st.tuples(st.integers(1, 250), st.integers(1, 250)),
    side=st.integers(1, 64),
    native=st.sampled_from(CUTS[1:]),
)
def test_cuts_lie_inside_on_blocks_from_edge_to_edge_and_are_not_resampled(
    size: tuple[int, int], side: int, native: int
) -> None:
    width, height = size
    here = np.zeros((height, width, 3), np.uint8)  # each pixel says where it is
    here[..., 0], here[..., 1] = np.arange(width), np.arange(height)[:, None]
    seen = view(Image.fromarray(here), Preprocessing(side, whole=False, native=native))
    cuts = seen.reshape(native, side, side, 3)
    alpha = view(Image.fromarray(here[..., 0]), Preprocessing(side, whole=False, native=native))
    np.testing.assert_array_equal(alpha, seen[..., 0])
    lefts, tops = cuts[:, 0, 0, 0].tolist(), cuts[:, 0, 0, 1].tolist()
    assert all(place % BLOCK == 0 for place in (*lefts, *tops))
    for cut, left, top in zip(cuts, lefts, tops, strict=True):
        columns = range(left, left + side) if width >= side else mirrored(width, side)
        rows = range(top, top + side) if height >= side else mirrored(height, side)
        assert (cut[..., 0] == np.array(columns)).all()
        assert (cut[..., 1] == np.array(rows)[:, None]).all()
    steps = isqrt(native)
    assert [*zip(tops, lefts, strict=True)] == [*itertools.product(tops[::steps], lefts[:steps])]
    for starts, whole in ((lefts, width), (tops, height)):
        room = max(0, whole - side)
        if native == 1:
            assert 0 <= room // 2 - starts[0] < BLOCK
        else:
            assert min(starts) == 0
            assert 0 <= room - max(starts) < BLOCK


def test_a_long_thin_picture_costs_no_more_than_its_views() -> None:
    """It is cut before it is mirrored."""
    strip = Image.new("RGB", (3_000_000, 1), RED)
    tracemalloc.start()
    assert (view(strip, Preprocessing(64, whole=False, native=4)) == RED).all()
    assert tracemalloc.get_traced_memory()[1] < 1e6
    tracemalloc.stop()
