"""Protects the pixel contract: how a decoded image becomes the view that a model scores."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from scanner.preprocess import Preprocessing, view
from tests.conftest import image_bytes
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
        (32, "pad", "bilinear", "unknown fit 'pad'; known: crop, stretch"),
        (32, "crop", "cubic", "unknown resampling filter 'cubic'; known: nearest, bilinear"),
    ],
)
def test_invalid_preprocessing_is_refused(
    size: int, fit: str, resample: str, sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        Preprocessing(size, fit, resample)
