"""Protects: images that nothing here reads never pass for files without images."""

from __future__ import annotations

import pytest

from scanner.images import signatures
from scanner.limits import Limits
from scanner.record import Status
from scanner.workers.examine import examine
from tests.conftest import EVERY_SIZE, image_bytes


def row(data: bytes) -> tuple[Status, str]:
    examined = examine(data, EVERY_SIZE, Limits())
    assert examined.error is not None
    return examined.status, examined.error


@pytest.mark.parametrize(("offset", "magic", "name"), signatures.UNREAD_IMAGES)
def test_every_mark(offset: int, magic: bytes, name: str) -> None:
    data = b"\x01" * offset + magic + b"\x01" * 99
    assert row(data) == (Status.UNSUPPORTED, f"{name}, which imgscan does not open")


@pytest.mark.parametrize(
    "start",
    [
        b"<svg>",
        b'<?xml version="1.0"?>\n<!-- by hand -->\n<svg width="9">',
        b'\xef\xbb\xbf<!DOCTYPE svg PUBLIC "-//W3C//DTD" "svg11.dtd" [<!ENTITY a "b">]>\n<svg:svg>',
    ],
)
def test_drawings(start: bytes) -> None:
    sentence = "an SVG drawing, which imgscan does not open"
    assert row(start + b"</svg>") == (Status.UNSUPPORTED, sentence)


@pytest.mark.parametrize("kind", ["ICO", "ICNS", "JPEG2000", "BMP", "DDS", "AVIF"])
def test_half_an_image(kind: str) -> None:
    data = image_bytes(kind, size=(64, 64))
    assert row(data[: len(data) // 2])[0] is Status.UNREADABLE


@pytest.mark.parametrize("brand", sorted(signatures.IMAGE_BRANDS))
def test_images_in_iso_media_files(brand: bytes) -> None:
    for data in (b"ftyp" + brand + bytes(4), b"ftypisom" + bytes(4) + b"mp42" + brand):
        box = (len(data) + 4).to_bytes(4) + data
        assert row(box + b"\0\0\0\x08mdat")[0] is Status.UNREADABLE


def test_a_broken_codestream_and_a_broken_bitmap() -> None:
    assert row(b"\xff\x4f\xff\x51" + bytes(100))[0] is Status.UNREADABLE
    bitmap = image_bytes("BMP")
    assert row(bitmap[:26] + b"\xff" * 8 + bitmap[34:])[0] is Status.UNREADABLE


@pytest.mark.parametrize(
    "data",
    [
        b"<html><body><svg></svg></body></html>",
        b"<?xml version='1.0'?><note><svg/></note>",
        b"<!-- one of many -->" * 400 + b"<note/>",
        b"MZ" + bytes(100),
        bytes(40_000),
        b"\xff" * 40_000,
    ],
)
def test_other_content_is_no_image(data: bytes) -> None:
    assert row(data)[0] is Status.NOT_IMAGE
