"""Camera RAW files: told by their first bytes, looked at through the preview the camera wrote.

The preview is the camera's own rendering; to develop the sensor data would add choices of ours.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

from PIL import Image, TiffImagePlugin

SIGNATURES = {
    "RAF": ((0, b"FUJIFILMCCD-RAW"),),
    "ORF": ((0, b"IIRO"), (0, b"IIRS"), (0, b"MMOR")),
    "RW2": ((0, b"IIU\0"),),
    "CR3": ((4, b"ftypcrx "),),
    "CR2": ((8, b"CR\x02"),),
}
TIFF_STARTS = (b"II*\0", b"MM\0*")
NEW_SUBFILE_TYPE, SUB_IFDS, DNG_VERSION = 254, 330, 50706
REDUCED = 1  # in NewSubfileType: a smaller version of another image of the file


class NoPreview(Exception):
    """The RAW file cannot be looked at; the sentence says why."""


def kind(data: bytes) -> str | None:
    """Which kind of RAW file `data` is, None for anything else.

    `RAW` stands for the kinds built on TIFF that open with a thumbnail, as NEF and ARW do.
    """
    for name, places in SIGNATURES.items():
        if any(data.startswith(magic, offset) for offset, magic in places):
            return name
    if not data.startswith(TIFF_STARTS):
        return None
    tags = _first_tags(data)
    if DNG_VERSION in tags:
        return "DNG"
    reduced = tags.get(NEW_SUBFILE_TYPE)
    return "RAW" if SUB_IFDS in tags and isinstance(reduced, int) and reduced & REDUCED else None


def _first_tags(data: bytes) -> Mapping[int, object]:
    try:
        directory = TiffImagePlugin.ImageFileDirectory_v2(data[:8])
        stream = io.BytesIO(data)
        stream.seek(directory.next)
        directory.load(stream)
        return dict(directory)
    except Exception:  # a broken TIFF is for its own decoder to report
        return {}


def preview(data: bytes, name: str) -> Image.Image:
    """The preview in a RAW file of kind `name`, undecoded. Raises NoPreview."""
    try:
        import rawpy
    except ImportError as error:
        install = "pip install 'imgscan[formats]'"
        raise NoPreview(f"a camera RAW file ({name}); to read it, {install}") from error
    try:
        with rawpy.imread(io.BytesIO(data)) as raw:
            thumbnail = raw.extract_thumb()
            pixels: Any = thumbnail.data
    except rawpy.LibRawError as error:
        raise NoPreview(
            f"a camera RAW file ({name}) without a readable preview: {error}"
        ) from error
    if thumbnail.format == rawpy.ThumbFormat.JPEG:
        return Image.open(io.BytesIO(pixels))
    return Image.fromarray(pixels)
