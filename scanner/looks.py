"""Second looks: a picture as it would be had it been passed on, so that no verdict hangs by a hair.

A verdict that accuses should hold for the same picture saved again, or smaller. A model's card
names the looks that its thresholds were set with; each is a function of the decoded pixels.
"""

from __future__ import annotations

import io
from collections.abc import Callable

from PIL import Image

QUALITY = 60  # of JPEG, with the chroma subsampling that is usual
SUBSAMPLING_420 = 2
LEAST_SIDE = 8  # pixels; below, there is nothing left to halve


def saved_again(rgb: Image.Image) -> Image.Image:
    """The picture, mode RGB, out of a JPEG of quality 60."""
    stream = io.BytesIO()
    rgb.save(stream, "JPEG", quality=QUALITY, subsampling=SUBSAMPLING_420)
    return Image.open(stream).convert("RGB")


def halved(rgb: Image.Image) -> Image.Image:
    """The picture, mode RGB, with half as many pixels across and down, each the mean of four."""
    return rgb.reduce(2) if min(rgb.size) >= LEAST_SIDE else rgb


LOOKS: dict[str, Callable[[Image.Image], Image.Image]] = {
    f"saved again at JPEG quality {QUALITY}": saved_again,
    "scaled to half its size": halved,
}
