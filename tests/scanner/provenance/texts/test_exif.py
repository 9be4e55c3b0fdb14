"""EXIF tells camera and software, and what it tells before damage counts."""

from __future__ import annotations

from typing import Any

import pytest
from PIL import Image


def exif(**values: Any) -> Image.Exif:
    made = Image.Exif()
    tags = {"make": 0x010F, "model": 0x0110, "software": 0x0131}
    for name, tag in tags.items():
        if name in values:
            made[tag] = values[name]
    return made


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_camera_and_software(kind: str, encode: Any, gathered: Any) -> None:
    data = encode(kind, exif=exif(make="Acme", model="Acme One", software="Acme 1.0"))
    found = [entry for entry in gathered(data) if entry["source"] == "exif"]
    assert {(entry["name"], entry["value"]) for entry in found} == {
        ("camera_make", "Acme"), ("camera_model", "Acme One"), ("software", "Acme 1.0"),
    }  # fmt: skip
    assert {entry["tag"] for entry in found} == {"declared"}


def test_damaged_exif_is_told(encode: Any, gathered: Any) -> None:
    found = gathered(encode("WEBP", exif=b"Exif\0\0no tiff at all"))
    assert [(entry["source"], entry["tag"], entry["name"]) for entry in found] == [
        ("exif", "inferred", "unread")
    ]


def test_the_image_s_own_fields_count_though_the_others_are_damaged(
    encode: Any, gathered: Any
) -> None:
    made = exif(make="Acme")
    made.get_ifd(0x8769)[0x9286] = b"ASCII\0\0\0a gull"
    content = bytearray(made.tobytes())
    place = content.index(b"\x87\x69") + 8  # where the directory lies
    content[place : place + 4] = b"\xff\xff\xff\xf0"
    found = gathered(encode("WEBP", exif=bytes(content)))
    assert ("camera_make", "Acme") in {(entry["name"], entry["value"]) for entry in found}


def test_dates_lenses_and_numbers_are_not_told(encode: Any, gathered: Any) -> None:
    made = exif()
    made[0x0132] = "2025:01:01 10:00:00"
    made.get_ifd(0x8769)[0xA434] = "Acme 50 mm"
    assert gathered(encode("WEBP", exif=made)) == []
