"""Protects: formats beyond the everyday ones are decoded, by content and at the right frame."""

from __future__ import annotations

import io
import struct
import sys

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from scanner.images import raw
from scanner.images.decode import NotAnImage, UnsupportedImage, decode
from tests.conftest import encoded, image_bytes
from tests.scanner.images.dng_bytes import dng

RED, GREEN, BLUE = (250, 0, 0), (0, 250, 0), (0, 0, 250)
SIZE = (64, 48)


def flat(colour: tuple[int, int, int]) -> Image.Image:
    return Image.new("RGB", SIZE, colour)


def near(image: Image.Image, colour: tuple[int, int, int]) -> bool:
    mean = np.asarray(image, np.float64).mean(axis=(0, 1))
    return bool(np.abs(mean - colour).max() < 12)


def heif(*pages: Image.Image, primary: int = 0) -> bytes:
    file = pillow_heif.HeifFile()
    for page in pages:
        file.add_from_pillow(page)
    stream = io.BytesIO()
    file.save(stream, primary_index=primary)
    return stream.getvalue()


def psd(image: Image.Image) -> bytes:
    """A flat Photoshop file without compression."""
    head = struct.pack(">4sH6xHIIHH", b"8BPS", 1, 3, image.height, image.width, 8, 3)
    planes = b"".join(band.tobytes() for band in image.split())
    return head + bytes(3 * 4 + 2) + planes


def test_heif() -> None:
    decoded = decode(heif(flat(RED)))
    assert (decoded.format, decoded.width, decoded.height, decoded.frames) == ("HEIF", *SIZE, 1)
    assert near(decoded.rgb, RED)


def test_the_primary_image_of_a_heif_is_looked_at() -> None:
    decoded = decode(heif(flat(RED), flat(GREEN), flat(BLUE), primary=1))
    assert decoded.frames == 3
    assert near(decoded.rgb, GREEN)


def test_avif() -> None:
    decoded = decode(encoded(flat(RED), "AVIF"))
    assert (decoded.format, decoded.frames) == ("AVIF", 1)
    assert near(decoded.rgb, RED)


def test_psd() -> None:
    decoded = decode(psd(flat(GREEN)))
    assert (decoded.format, decoded.width, decoded.height) == ("PSD", *SIZE)
    assert near(decoded.rgb, GREEN)


@pytest.mark.parametrize("kind", ["TIFF", "GIF", "PNG", "WEBP", "MPO", "AVIF"])
def test_the_first_of_several_frames_is_the_sample(kind: str) -> None:
    decoded = decode(
        encoded(flat(RED), kind, save_all=True, append_images=[flat(GREEN), flat(BLUE)])
    )
    assert (decoded.format, decoded.frames) == (kind, 3)
    assert near(decoded.rgb, RED)


def test_a_raw_file_is_looked_at_through_its_preview() -> None:
    pytest.importorskip("rawpy", reason="rawpy, of the extra formats, is not installed")
    decoded = decode(dng(encoded(flat(BLUE), "JPEG"), SIZE))
    assert (decoded.format, decoded.width, decoded.height) == ("DNG", *SIZE)
    assert near(decoded.rgb, BLUE)


def test_a_raw_file_names_the_package_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rawpy", None)
    with pytest.raises(UnsupportedImage, match=r"imgscan\[formats\]"):
        decode(dng(encoded(flat(BLUE), "JPEG"), SIZE))


def test_a_broken_raw_file_says_so() -> None:
    pytest.importorskip("rawpy", reason="rawpy, of the extra formats, is not installed")
    for data in (b"FUJIFILMCCD-RAW " + bytes(500), b"IIU\0" + bytes(500)):
        with pytest.raises(UnsupportedImage, match="RAW file"):
            decode(data)


def test_an_ordinary_tiff_is_no_raw_file() -> None:
    assert raw.kind(encoded(flat(RED), "TIFF")) is None
    assert raw.kind(b"II*\0" + bytes(20)) is None
    assert raw.kind(image_bytes()) is None


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "TIFF", "WEBP", "AVIF"])
def test_a_broken_header_never_passes_for_no_image(kind: str) -> None:
    data = encoded(flat(RED), kind)
    with pytest.raises(Exception, match=r".*") as raised:
        decode(data[:12] + b"\xff" * 40)
    assert not isinstance(raised.value, NotAnImage)


def test_a_film_is_no_image() -> None:
    with pytest.raises(NotAnImage):
        decode(b"\0\0\0\x20ftypisom" + bytes(100))
