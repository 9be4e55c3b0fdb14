"""Formats whose metadata Pillow finds; nothing is decoded."""

from __future__ import annotations

import contextlib
import io
import warnings

from scanner.images.signatures import IMAGE_BRANDS
from scanner.provenance.metadata.contents import C2PA_BOX, EXIF_HEADER, Metadata
from scanner.provenance.metadata.photoshop import iptc_of
from scanner.provenance.metadata.samsung import blocks

# GIF, TIFF and most camera raw, JPEG 2000, JPEG XL.
STARTS = (b"GIF8", b"II*\0", b"MM\0*", b"\0\0\0\x0cjP  ", b"\0\0\0\x0cJXL ")
BRANDS = IMAGE_BRANDS | {b"crx "}
TIFF_IPTC, TIFF_PHOTOSHOP = 33723, 34377


def read(data: bytes) -> Metadata:
    found = Metadata()
    with contextlib.suppress(Exception):  # of which Pillow raises all kinds on broken files
        found = _from_pillow(data)
    is_tiff = data.startswith((b"II*\0", b"MM\0*"))
    return Metadata(
        exif=(data,) if is_tiff else found.exif,  # a TIFF file is laid out as Exif is
        xmp=found.xmp,
        iptc=found.iptc,
        comments=found.comments,
        samsung=blocks(data),
        c2pa=C2PA_BOX in data,
    )


def _from_pillow(data: bytes) -> Metadata:
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(io.BytesIO(data)) as image:
            info, tags = image.info, getattr(image, "tag_v2", {})
            xmp, comment = _bytes(info.get("xmp")), _bytes(info.get("comment"))
            exif = _bytes(info.get("exif")).removeprefix(EXIF_HEADER)
            return Metadata(
                exif=(exif,) if exif else (),
                xmp=(xmp,) if xmp else (),
                iptc=_bytes(tags.get(TIFF_IPTC)) + iptc_of(_bytes(tags.get(TIFF_PHOTOSHOP))),
                comments=(comment,) if comment else (),
            )


def _bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else b""
