"""EXIF tells camera and software, and the prompts that generators keep in it."""

from __future__ import annotations

from typing import Any

import pytest
from PIL import Image

A1111 = "a gull 海\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 42, Size: 512x512"


def exif(**values: Any) -> Image.Exif:
    made = Image.Exif()
    tags = {"make": 0x010F, "model": 0x0110, "software": 0x0131}
    for name, tag in tags.items():
        if name in values:
            made[tag] = values[name]
    if "comment" in values:
        made.get_ifd(0x8769)[0x9286] = values["comment"]
    return made


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_camera_and_software(kind: str, encode: Any, gathered: Any) -> None:
    data = encode(kind, exif=exif(make="Acme", model="Acme One", software="Acme 1.0"))
    found = [entry for entry in gathered(data) if entry["source"] == "exif"]
    assert {(entry["name"], entry["value"]) for entry in found} == {
        ("camera_make", "Acme"), ("camera_model", "Acme One"), ("software", "Acme 1.0"),
    }  # fmt: skip
    assert {entry["tag"] for entry in found} == {"declared"}


@pytest.mark.parametrize("encoding", ["utf-16-be", "utf-16-le"])
def test_a1111_in_the_user_comment(encoding: str, encode: Any, gathered: Any) -> None:
    comment = b"UNICODE\0" + A1111.encode(encoding)
    entry = gathered(encode("JPEG", exif=exif(comment=comment)))[0]
    assert (entry["source"], entry["name"], entry["value"]) == ("a1111", "parameters", A1111)


def test_comfyui_in_the_camera_fields_of_webp(encode: Any, gathered: Any) -> None:
    made = exif(make='workflow:{"nodes": []}', model='prompt:{"1": {}}')
    found = gathered(encode("WEBP", exif=made))
    assert {(entry["source"], entry["name"]) for entry in found} == {
        ("comfyui", "workflow"), ("comfyui", "prompt"),
    }  # fmt: skip


def test_a_photographers_comment_is_no_generator(encode: Any, gathered: Any) -> None:
    comment = b"ASCII\0\0\0Steps: mind the gap"
    found = gathered(encode("WEBP", exif=exif(comment=comment)))
    assert found == []


def test_damaged_exif_is_told(encode: Any, gathered: Any) -> None:
    found = gathered(encode("WEBP", exif=b"Exif\0\0no tiff at all"))
    assert [(entry["source"], entry["tag"], entry["name"]) for entry in found] == [
        ("exif", "inferred", "unread")
    ]
