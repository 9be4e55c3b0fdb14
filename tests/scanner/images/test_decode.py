"""Protects: every kind of image becomes upright 8-bit RGB on white, or an error says why not."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from PIL import Image

from scanner.images.decode import NotAnImage, TooManyPixels, UnsupportedImage, decode
from scanner.images.pixels import to_rgb
from tests.conftest import encoded, image_bytes
from tests.scanner.images.png_bytes import RGB, png

ORIENTATION = 0x0112
RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def quarters() -> Image.Image:
    """40×20 pixels: red, green above blue, white."""
    image = Image.new("RGB", (40, 20), RED)
    image.paste(GREEN, (20, 0, 40, 10))
    image.paste(BLUE, (0, 10, 20, 20))
    image.paste(WHITE, (20, 10, 40, 20))
    return image


def corners(image: Image.Image) -> list[object]:
    """The colours of the top left, top right, bottom left and bottom right pixels."""
    right, bottom = image.width - 1, image.height - 1
    return [image.getpixel(xy) for xy in ((0, 0), (right, 0), (0, bottom), (right, bottom))]


@pytest.mark.parametrize(
    ("orientation", "size", "expected"),
    [
        (1, (40, 20), [RED, GREEN, BLUE, WHITE]),
        (2, (40, 20), [GREEN, RED, WHITE, BLUE]),
        (3, (40, 20), [WHITE, BLUE, GREEN, RED]),
        (4, (40, 20), [BLUE, WHITE, RED, GREEN]),
        (5, (20, 40), [RED, BLUE, GREEN, WHITE]),
        (6, (20, 40), [BLUE, RED, WHITE, GREEN]),
        (7, (20, 40), [WHITE, GREEN, BLUE, RED]),
        (8, (20, 40), [GREEN, WHITE, RED, BLUE]),
    ],
)
def test_exif_orientation_is_applied(
    orientation: int, size: tuple[int, int], expected: list[object]
) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    decoded = decode(encoded(quarters(), "PNG", exif=exif))
    assert decoded.rgb.size == size
    assert corners(decoded.rgb) == expected
    assert (decoded.width, decoded.height) == (40, 20), "the stored size is reported"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_exif_that_cannot_be_read_spoils_no_pixel(kind: str) -> None:
    picture = quarters().resize((40, 20))
    sound = decode(encoded(picture, kind, lossless=True))
    for exif in (b"Exif\0\0neither II nor MM", b"no EXIF at all"):
        found = decode(encoded(picture, kind, lossless=True, exif=exif))
        assert (found.rgb.size, found.rgb.tobytes()) == ((40, 20), sound.rgb.tobytes())


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_field_of_exif_that_is_broken_hides_no_other(kind: str) -> None:
    """A width to print at, of a type that no such field has, beside an orientation of 6."""
    fields = struct.pack("<HHHIHH", 2, ORIENTATION, 3, 1, 6, 0)
    fields += struct.pack("<HHI4s", 0x011A, 1, 4, b"abcd")
    exif = b"Exif\0\0II*\0\x08\0\0\0" + fields + bytes(4)
    found = decode(encoded(quarters().resize((40, 20)), kind, exif=exif))
    assert found.rgb.size == (20, 40)


def test_alpha_is_composited_on_white() -> None:
    image = Image.new("RGBA", (3, 1))
    for x, alpha in enumerate((0, 128, 255)):
        image.putpixel((x, 0), (0, 0, 0, alpha))
    rgb = decode(encoded(image, "PNG")).rgb
    assert [rgb.getpixel((x, 0)) for x in range(3)] == [WHITE, (127, 127, 127), (0, 0, 0)]


def test_grey_with_alpha_is_composited_on_white() -> None:
    image = Image.new("LA", (2, 1), (10, 0))
    image.putpixel((1, 0), (10, 255))
    rgb = decode(encoded(image, "PNG")).rgb
    assert [rgb.getpixel((x, 0)) for x in range(2)] == [WHITE, (10, 10, 10)]


@pytest.mark.parametrize("kind", ["GIF", "PNG"])
def test_transparent_palette_entry_becomes_white(kind: str) -> None:
    image = Image.new("P", (2, 1), 0)
    image.putpalette([9, 9, 9, 200, 0, 0])
    image.putpixel((1, 0), 1)
    rgb = decode(encoded(image, kind, transparency=0)).rgb
    assert [rgb.getpixel((x, 0)) for x in range(2)] == [WHITE, (200, 0, 0)]


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bit_grey_is_scaled_not_clipped(kind: str) -> None:
    samples = np.array([[0, 256, 257, 32768, 65279, 65535]], np.uint16)
    rgb = np.asarray(decode(encoded(Image.fromarray(samples), kind)).rgb)
    assert rgb[0, :, 0].tolist() == [0, 1, 1, 128, 254, 255]
    assert (rgb == rgb[..., :1]).all()


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bit_grey_is_turned_upright_too(kind: str) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    image = Image.fromarray(np.zeros((2, 5), np.uint16))
    assert decode(encoded(image, kind, exif=exif)).rgb.size == (2, 5)


def test_16_bit_colour_is_scaled_not_clipped() -> None:
    data = png(RGB, 16, (2, 1), b"\0" + struct.pack(">6H", 0, 0x8000, 0xFFFF, 0xFFFF, 0x0100, 0))
    rgb = decode(data).rgb
    assert [rgb.getpixel((x, 0)) for x in range(2)] == [(0, 128, 255), (255, 1, 0)]


def test_cmyk_becomes_rgb() -> None:
    data = encoded(Image.new("CMYK", (32, 32), (0, 255, 255, 0)), "JPEG", quality=100)
    red, green, blue = np.asarray(decode(data).rgb).mean((0, 1))
    assert red > 200
    assert green < 50
    assert blue < 50


@pytest.mark.parametrize(
    "mode", ["1", "L", "P", "RGB", "CMYK", "YCbCr", "LAB", "HSV", "La", "PA", "RGBa"]
)
def test_every_mode_becomes_rgb(mode: str) -> None:
    assert to_rgb(Image.new(mode, (4, 4)))[0].mode == "RGB"


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF"])
def test_first_frame_is_decoded_and_frames_are_counted(kind: str) -> None:
    first, *rest = (Image.new("RGB", (8, 8), colour) for colour in (RED, GREEN, BLUE))
    data = encoded(first, kind, save_all=True, append_images=rest, **lossless(kind))
    decoded = decode(data)
    assert decoded.frames == 3
    assert decoded.rgb.getpixel((4, 4)) == RED


def lossless(kind: str) -> dict[str, bool]:
    return {"lossless": True} if kind == "WEBP" else {}


def test_one_frame_counts_as_one() -> None:
    assert decode(image_bytes("JPEG")).frames == 1


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP"])
def test_truncated_file_raises(kind: str) -> None:
    data = image_bytes(kind, size=(64, 64))
    with pytest.raises(Exception):  # noqa: B017, PT011 - decoders raise what they like
        decode(data[: len(data) // 2])


@pytest.mark.parametrize("data", [b"", b"plain text", b"\xff\xd8", b"PK\x03\x04" + bytes(60)])
def test_other_content_is_no_image(data: bytes) -> None:
    with pytest.raises(NotAnImage):
        decode(data)


def test_format_is_told_by_content() -> None:
    assert decode(image_bytes("WEBP")).format == "WEBP"
    assert decode(image_bytes("BMP")).format == "BMP"


def test_postscript_is_refused() -> None:
    with pytest.raises(UnsupportedImage, match="PostScript"):
        decode(encoded(Image.new("RGB", (8, 8)), "EPS"))


def test_float_samples_are_refused() -> None:
    with pytest.raises(UnsupportedImage, match="floating-point"):
        decode(encoded(Image.new("F", (8, 8)), "TIFF"))


def test_pixel_limit_is_of_the_header() -> None:
    data = image_bytes("PNG", size=(40, 50))
    assert decode(data, 2000).rgb.size == (40, 50)
    with pytest.raises(TooManyPixels, match="40x50"):
        decode(data, 1999)
    with pytest.raises(TooManyPixels):
        decode(png(RGB, 8, (50_000, 50_000), b""))
