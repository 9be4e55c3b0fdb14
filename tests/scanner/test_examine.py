"""Protects: every content gets its status, size and hash, and no content raises."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from PIL import Image

from scanner.examine import examine
from scanner.limits import Limits
from scanner.preprocess import Preprocessing
from scanner.record import Status
from tests.conftest import encoded, image_bytes

VIEW = Preprocessing(32)


@pytest.mark.parametrize(
    ("data", "status", "sentence"),
    [
        (b"", Status.NOT_IMAGE, "the file is empty"),
        (b"text", Status.NOT_IMAGE, "no image decoder recognises the content"),
        (image_bytes("PNG")[:200], Status.UNREADABLE, "damaged or of an unknown kind"),
        (encoded(Image.new("RGB", (9, 9)), "EPS"), Status.UNSUPPORTED, "PostScript"),
        (image_bytes("PNG", size=(40, 30)), Status.OVER_LIMIT, "40x30 pixels are more than"),
    ],
)
def test_what_is_not_scored_says_why(data: bytes, status: Status, sentence: str) -> None:
    examined = examine(data, VIEW, Limits(pixels=1100))
    assert examined.status is status
    assert examined.error is not None
    assert sentence in examined.error
    assert examined.view is None
    assert examined.sha256 == hashlib.sha256(data).hexdigest()
    assert examined.bytes == len(data)


def test_an_image_has_its_facts_and_its_view() -> None:
    data = image_bytes("PNG", size=(50, 40))
    examined = examine(data, VIEW, Limits())
    assert examined.status is Status.SCORED
    assert (examined.format, examined.width, examined.height, examined.frames) == ("PNG", 50, 40, 1)
    assert examined.view is not None
    assert examined.view.shape == (32, 32, 3)
    assert examined.error is None


def test_a_file_and_a_member_with_its_bytes_are_the_same(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(image_bytes())
    file, member = examine(path, VIEW, Limits()), examine(image_bytes(), VIEW, Limits())
    assert file.view is not None
    assert member.view is not None
    assert file.view.tobytes() == member.view.tobytes()
    assert (file.sha256, file.bytes, file.format) == (member.sha256, member.bytes, member.format)


def test_a_file_over_the_size_limit_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(image_bytes())
    size = path.stat().st_size
    assert examine(path, VIEW, Limits(file_bytes=size)).status is Status.SCORED
    examined = examine(path, VIEW, Limits(file_bytes=size - 1))
    assert examined.status is Status.OVER_LIMIT
    assert examined.bytes == size
    assert examined.sha256 is None


@pytest.mark.skipif(os.name != "posix", reason="POSIX lets a file lose its name")
def test_a_file_that_is_gone_has_a_row(tmp_path: Path) -> None:
    examined = examine(tmp_path / "gone", VIEW, Limits())
    assert examined.status is Status.UNREADABLE
    assert examined.error == "the file cannot be read: No such file or directory"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "ICO", "PPM", "TGA"])
def test_no_damage_raises(kind: str) -> None:
    data = image_bytes(kind)
    for place in range(0, len(data), max(1, len(data) // 60)):
        spoilt = bytearray(data)
        spoilt[place] ^= 0xFF
        for version in (bytes(spoilt), data[:place]):
            examined = examine(version, VIEW, Limits(pixels=10**6))
            assert (examined.status is Status.SCORED) == (examined.view is not None)
            assert (examined.status is Status.SCORED) == (examined.error is None)
