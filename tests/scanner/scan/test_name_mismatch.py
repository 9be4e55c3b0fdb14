"""Protects: a name that disguises its content is reported, an honest one is not."""

from __future__ import annotations

import pytest

from scanner.record import Status
from scanner.scan.name_mismatch import FORMATS, mismatch


@pytest.mark.parametrize(
    ("path", "image_format"),
    [
        ("a.jpg", "JPEG"),
        ("a.JPG", "MPO"),
        ("f.png/a.jpeg", "JPEG"),
        ("mail.eml!/part-1", "PNG"),
        ("a", "PNG"),
        ("cache.tmp", "PNG"),
        ("page.1", "PNG"),
        ("a.tif", "TIFF"),
        ("a.dng", "DNG"),
    ],
)
def test_honest_names(path: str, image_format: str) -> None:
    assert mismatch(path, image_format, Status.SCORED) is None


def test_another_image_format() -> None:
    sentence = "named .jpg, but the content is PNG"
    assert mismatch("x!/a.JPG", "PNG", Status.SCORED) == sentence


def test_an_image_disguised_as_something_else() -> None:
    sentence = "named .dll, but the content is WEBP"
    assert mismatch("system/a.dll", "WEBP", Status.SCORED) == sentence


def test_something_else_disguised_as_an_image() -> None:
    sentence = "named .png, but the content is no image"
    assert mismatch("a.png", None, Status.NOT_IMAGE) == sentence
    assert mismatch("a.txt", None, Status.NOT_IMAGE) is None


def test_a_container_disguised_as_an_image() -> None:
    """Also one that nobody could open."""
    for status in (Status.CONTAINER, Status.ENCRYPTED, Status.UNREADABLE):
        sentence = "named .jpg, but the content is an archive"
        assert mismatch("holiday.jpg", None, status, "an archive") == sentence
    sentence = "named .tif, but the content is an e-mail"
    assert mismatch("a!/b.TIF", None, Status.CONTAINER, "an e-mail") == sentence


def test_containers_go_by_many_honest_names() -> None:
    for suffix in ("docx", "jar", "cbz", "eml", "zip", "tgz", "pdf", "exe", "bin", "jpg.gz"):
        assert mismatch(f"a.{suffix}", None, Status.CONTAINER, "an archive") is None
    assert mismatch("a", None, Status.CONTAINER, "an archive") is None


def test_what_could_not_be_read_proves_nothing() -> None:
    for status in (Status.UNREADABLE, Status.ENCRYPTED, Status.CRASHED):
        assert mismatch("a.png", None, status) is None


def test_suffixes_are_lower_case_and_formats_as_the_decoders_write_them() -> None:
    assert all(suffix == suffix.lower() for suffix in FORMATS)
    assert all(name == name.upper() for names in FORMATS.values() for name in names)
