"""Small pictures of every kind that is searched for, as their encoders write them."""

from __future__ import annotations

import base64
import io
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
import pillow_heif
from PIL import Image

pillow_heif.register_heif_opener()
# Suffix as the search names it, Pillow's name, options.
KINDS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("jpg", "JPEG", {}),
    ("jpg", "JPEG", {"progressive": True, "quality": 30}),
    ("png", "PNG", {}),
    ("gif", "GIF", {}),
    ("webp", "WEBP", {"quality": 60}),
    ("webp", "WEBP", {"lossless": True}),
    ("tif", "TIFF", {}),
    ("tif", "TIFF", {"compression": "jpeg"}),
    ("tif", "TIFF", {"compression": "tiff_deflate", "big_tiff": True}),
    ("bmp", "BMP", {}),
    ("jp2", "JPEG2000", {}),
    ("heic", "HEIF", {}),
    ("avif", "AVIF", {}),
)


def picture(seed: int = 0, side: int = 32) -> Image.Image:
    """Noise upon a slope, so that no two are the same and none is all noise."""
    random = np.random.default_rng(seed)
    slope = np.linspace(0, 200, side * side * 3).reshape(side, side, 3)
    return Image.fromarray((slope + random.integers(0, 56, slope.shape)).astype(np.uint8))


def encoded(kind: int, seed: int = 0, side: int = 32) -> bytes:
    """A picture as KINDS[kind] is written."""
    _, name, options = KINDS[kind]
    stream = io.BytesIO()
    picture(seed, side).save(stream, name, **options)
    return stream.getvalue()


def jpeg(seed: int = 0, side: int = 32) -> bytes:
    return encoded(0, seed, side)


def uuencoded(data: bytes) -> bytes:
    import binascii

    lines = (binascii.b2a_uu(data[at : at + 45]) for at in range(0, len(data), 45))
    return b"begin 644 a.jpg\n" + b"".join(lines) + b"`\nend\n"


def zip_entry(data: bytes, level: int | None = None) -> bytes:
    """What a zip holds of one deflated member, without the directory that would tell of it.

    level: zlib's, 0 to 9; at 0 the bytes stand there as they are.
    """
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=level) as archive:
        archive.writestr("hidden", data)
    whole = stream.getvalue()
    return whole[: whole.index(b"PK\1\2")]


# How a picture may be written in bytes, and what then stands in front of it.
CODINGS: dict[str, Callable[[bytes], bytes]] = {
    "as it is": lambda data: data,
    "base64": base64.b64encode,
    "base64 in lines": base64.encodebytes,
    "base64 in lines of Windows": lambda data: base64.encodebytes(data).replace(b"\n", b"\r\n"),
    "base64 in lines of old Macs": lambda data: base64.encodebytes(data).replace(b"\n", b"\r"),
    "base64, indented": lambda data: base64.encodebytes(data).replace(b"\n", b"\n\t  "),
    "base64 without padding": lambda data: base64.b64encode(data).rstrip(b"="),
    "base64 for addresses": base64.urlsafe_b64encode,
    "base64 with slashes escaped": lambda data: base64.b64encode(data).replace(b"/", b"\\/"),
    "base64 with lines escaped": lambda data: base64.encodebytes(data).replace(b"\n", b"\\n"),
    "base64 in JSON in JSON": lambda data: base64.b64encode(data).replace(b"/", b"\\\\\\/"),
    "base64 with signs by number": lambda data: (
        base64.b64encode(data).replace(b"+", b"\\u002B").replace(b"/", b"\\u002f")
    ),
    "base64 in HTML": lambda data: (
        base64.encodebytes(data).replace(b"\n", b"&#xA;").replace(b"/", b"&#x2F;")
    ),
    "base64 in an address": lambda data: (
        base64.b64encode(data).replace(b"+", b"%2b").replace(b"/", b"%2f")
    ),
    "base64 in UTF-16": lambda data: base64.b64encode(data).decode().encode("utf-16-le"),
    "hexadecimal, spaced": lambda data: data.hex(" ").encode(),
    "hexadecimal in source code": lambda data: ", ".join(f"0x{it:02X}" for it in data).encode(),
    "hexadecimal of a registry": lambda data: data.hex(",").encode().replace(b"1,", b"1,\\\r\n  "),
    "hexadecimal": lambda data: data.hex().encode(),
    "hexadecimal in lines": lambda data: data.hex(" ", -32).upper().replace(" ", "\r\n").encode(),
    "uuencode": uuencoded,
    "deflate": zip_entry,
}
