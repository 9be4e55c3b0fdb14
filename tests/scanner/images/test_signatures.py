"""Protects: images and archives that nothing here reads never pass for files without images."""

from __future__ import annotations

import base64
import gzip
import lzma

import pytest

from scanner.images import signatures
from scanner.limits import Limits
from scanner.record import Status
from scanner.workers.examine import examine
from tests.conftest import EVERY_SIZE, image_bytes

# By bsdtar, lz4 and ar: one member, of which nothing but the bytes before it matters.
REAL = {
    "a cpio archive": (
        "H4sIAAAAAAACA+3NwQpAUBSE4fMq9w3m4mJrYaGs5AUoslC2Hp/CRpK1/m8zc+rUKFMmL0VxInXa5b5L9MynvVKv"
        "kJ93OGIc9C66ymrTMM+Lmenc/eTr311/lbYpqrpsnHMGAAAAAAAAAAAAAAAAAMAPbPswyZ0AKAAA"
    ),
    "a compress file (.Z)": (
        "H4sIAAAAAAACA+3BvUpCYQCA4c8GcTP4lqMYGRKIU1ODo2L4Q3AmpwQ9U1BBOUljOoipNAZ1wENQYaWGqIMtUUT4"
        "A6JChBwXN2nrBrqEbuB9nnX9IiNsrnCj8pq1Sd/eZ2MjoKwejSqWFfF+vuXTcvcnng+nW5teWjzWkrIZOfM6gtai"
        "U8T915Hm7fBKLAeG3CmHlPT8xcjK1MgI2U9/8s/a+E69ieoFuevYPpyrZq/18FVPvhXWYu3H7+b+pJrot59mneNF"
        "T491amY387s0D6QAAAAAAAAAAAAAAAAAAAD/+gP8IQmYACgAAA=="
    ),
    "an ISO 9660 disk image": (
        "H4sIAAAAAAACA+3YTUsCQRgA4LGT2DHKbm2dI3Zn1UO30iLBDKKia5mUFQhSHvtL/cRKTaKirn34PMwHO5/ssjC8"
        "EwIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAUKg30jQrhFazfXyafK3eODzY/6Z/ut7ju+qbfV/SKIdi"
        "MZQmTaWFt+7FUbEWypOnciiOqmJ4mF9eWqmGuen8hB/Vam5vHdb3mic7Sb5R24j//HVjGmtZFisx5lk1T9PwqSH9"
        "4PMIP+2sc+jwazy9nv8AwOxotncPkqP7btLuD5NYSWLczLPNaj6OdUq3vfOzQeeqN+y+xner1/3bXvdufXXQ79wM"
        "eheXXZ8QAP6cwviOXfwPALPkGbg1AjMAoAAA"
    ),
    "a xar archive": (
        "H4sIAAAAAAACA6tILFJkkGFgZAADxjkQmjkexKmYUxt8suiwAs/e79o2+3brxHlZHdn7lfuSdz5Ly+ErZnKzU+bU"
        "1TLePltiq2hrO69F5cflO1tPsh47eaNu/qTqOWoXvFf73H9zefrh4mOXlv/qO5+05r3QuzVf3A895Tj0U3qmsewV"
        "kctayiqLjzZeOj7HZpqle7zmx0ucT26XvJt0Mjb6xvLLnhNMXITyts47cHXG4qtdL1LuNVu4X+QQyrjcMc9MV8Xt"
        "56bwmXE/QozdP/Z07OYLYJdzv9iz4OXaT4csDy7RsYi6IxFYYChUFR2uuszuy8vjGeIVO7RqFvzeU2SmdUW27+j8"
        "hDXu2XOPN0keTFM0lV4p+bYyIrJbNvGnu/XL1fU/r7nHH7ff8s5N+P+FI73LWoQvelVw1z72M/34OPosa3y70/5z"
        "6bIBlbP727c9vdmm07bQ1CiPadbmZ3d5NKNWJk1RL2ac+nefxG4mAwO2UL/SuDAf2ynWy2banWI/a3B6Y4pPWMTP"
        "4zXit7Jm3tVY8tu4WWDXBNFAr1NCMxZ4yTgyXvu5MSFk1VyGjdqfDqX/WLnlC1/u2ccaOpE/lDT+CfY96v/JMNvi"
        "//Tqu+lsErKPP/EalK8VNH7jsWoX56eKOac9zp48yc7ApsMkii3yGEbBKBgFo2AUjIJRMApGwSgYBaNgFIyCUTAK"
        "RsEoGAWjYBSMglEwCkbBKBgFo2AUjIJRMApGwSgYBaNgFAwXAABEedr1ACgAAA=="
    ),
    "an lz4 file": ("H4sIAAAAAAACA2NR8pVIcVjOysDQkJGak5PPAAQ/yxl+AwB3cmhMGAAAAA=="),
    "an lzip file": (
        "H4sIAAAAAAACA+3BLw8BYQDA4dcmuJlrdmgX5QvOdsEFM3Z2V8xNEAR/2m2SgEnGdxAVG8FmoqDdBEW4oImaieds"
        "PoP4ex6rVXViijCE5mT6qVxn7U2CeL12EOHtORN3dZUuSK+ksbWytmZ/uro58OVS06yMJGPnhkddaWz80/Rqya7f"
        "Lg795b43vpwXUfSeP7x8UFZFQvx4AgAAAAAAAAAAAAAAAAAA/MsXVgGHcwAoAAA="
    ),
    "an ar archive": (
        "H4sIAAAAAAACA+3KMQqDQBRF0dSzip8dzAR/RJCsJSEELISAlcsXEhDcgNU5xS0e7zq+lvf0KGsctX7IzCHbLaL+"
        "ln9brfeui8j9+SzTZ56/5QIAAAAAAAAAAACcZAN+PocpACgAAA=="
    ),
}


def row(data: bytes) -> tuple[Status, str]:
    examined = examine(data, EVERY_SIZE, Limits())
    assert examined.error is not None
    return examined.status, examined.error


@pytest.mark.parametrize("name", REAL)
def test_real_archives_of_unread_kinds(name: str) -> None:
    data = gzip.decompress(base64.b64decode(REAL[name]))
    assert row(data) == (Status.UNSUPPORTED, f"{name}, which imgscan does not open")


def test_lzma_of_every_preset() -> None:
    for preset in range(10):
        data = lzma.compress(image_bytes(), lzma.FORMAT_ALONE, preset=preset)
        assert row(data) == (Status.UNSUPPORTED, "an lzma file, which imgscan does not open")


@pytest.mark.parametrize(
    ("offset", "magic", "name"), signatures.UNREAD_IMAGES + signatures.UNREAD_ARCHIVES
)
def test_every_mark(offset: int, magic: bytes, name: str) -> None:
    data = b"\x01" * offset + magic + b"\x01" * 99
    assert row(data) == (Status.UNSUPPORTED, f"{name}, which imgscan does not open")


@pytest.mark.parametrize("program", signatures.PROGRAMS)
@pytest.mark.parametrize("magic", signatures.MOVABLE)
def test_a_program_with_an_archive(program: bytes, magic: bytes) -> None:
    assert row(program + bytes(9000) + magic)[0] is Status.UNSUPPORTED
    assert row(program + bytes(9000))[0] is Status.NOT_IMAGE


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
        b"\x1f\x9dA text",
        b"]\0\0 is no archive",
        b"\0\0\0\x20ftypisom" + bytes(100),
        b"MZ" + bytes(100),
        b"!<arc",
        b"070701 a number",
        bytes(40_000),
        b"\xff" * 40_000,
        b"\0\0\1\xba" + bytes(100),
    ],
)
def test_other_content_is_no_image(data: bytes) -> None:
    assert row(data) == (Status.NOT_IMAGE, "no image decoder recognises the content")
