"""Where image files keep their metadata, read from their bytes alone.

Pixels that cannot be decoded do not hide what stands beside them, and an image without metadata
costs next to nothing. One module a family of formats.
"""

from __future__ import annotations

from scanner.provenance.metadata import jpeg, other, photoshop, png, webp
from scanner.provenance.metadata.contents import Metadata

__all__ = ["Metadata", "read"]


def read(data: bytes) -> Metadata:
    """The metadata of an image file; empty for anything that is none. Damage ends the reading."""
    if data.startswith(b"\xff\xd8\xff"):
        return jpeg.read(data)
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return png.read(data)
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return webp.read(data)
    if data.startswith(photoshop.DOCUMENT):
        return photoshop.read(data)
    if data.startswith(other.STARTS) or (data[4:8] == b"ftyp" and data[8:12] in other.BRANDS):
        return other.read(data)
    return Metadata()
