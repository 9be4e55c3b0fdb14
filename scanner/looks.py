"""Second looks: a picture as it would be had it been passed on, so that no verdict hangs by a hair.

A verdict that accuses should hold for the same picture saved again, or smaller. A model's card
names the looks that its thresholds were set with; each is a function of the decoded pixels.
"""

from __future__ import annotations

import io
from collections.abc import Callable

from PIL import Image

JPEG_QUALITY = 60  # with the chroma subsampling that is usual
SUBSAMPLING_420 = 2
LEAST_SIDE = 8  # pixels; below, there is nothing left to halve


def saved_again(rgb: Image.Image) -> Image.Image:
    """The picture, mode RGB, out of a JPEG of quality 60. Raises OSError beyond 65,500 pixels."""
    stream = io.BytesIO()
    pixels_alone(rgb).save(stream, "JPEG", quality=JPEG_QUALITY, subsampling=SUBSAMPLING_420)
    return Image.open(stream).convert("RGB")


def pixels_alone(rgb: Image.Image) -> Image.Image:
    """A copy without what its file said of itself, which Pillow would write, or fail to write."""
    bare = rgb.copy()
    bare.info = {}
    return bare


def halved(rgb: Image.Image) -> Image.Image:
    """The picture, mode RGB, with half as many pixels across and down, each the mean of four."""
    return rgb.reduce(2) if min(rgb.size) >= LEAST_SIDE else rgb


LOOKS: dict[str, Callable[[Image.Image], Image.Image]] = {
    f"saved again at JPEG quality {JPEG_QUALITY}": saved_again,
    "scaled to half its size": halved,
}
