"""The pixel contract: from a decoded image to the uint8 view a model scores.

Training's evaluation, calibration, benchmarks and the scan all call `view` on what `decode` or, of
all pages, `opened` of `scanner.images.decode` gives, because a detector's verdict can flip when a
different decoder or resampling filter prepares its input. The parameters of `view` come from the
model file, never from a flag.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageOps

if TYPE_CHECKING:
    from numpy.typing import NDArray

RESAMPLING_FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
FITS = ("crop", "stretch")


@dataclass(frozen=True)
class Preprocessing:
    """How a decoded image becomes a model's view.

    size: side of the square view in pixels.
    fit: `crop` scales the shorter side to `size` and cuts the centre square; `stretch` scales
        both sides to `size`.
    resample: a name in RESAMPLING_FILTERS.
    """

    size: int
    fit: str = "crop"
    resample: str = "bilinear"

    def __post_init__(self) -> None:
        if not (isinstance(self.size, int) and 1 <= self.size <= 4096):
            raise ValueError(f"the view's size must be 1 to 4096 pixels, not {self.size!r}")
        if self.fit not in FITS:
            raise ValueError(f"unknown fit {self.fit!r}; known: {', '.join(FITS)}")
        if self.resample not in RESAMPLING_FILTERS:
            known = ", ".join(RESAMPLING_FILTERS)
            raise ValueError(f"unknown resampling filter {self.resample!r}; known: {known}")


def view(rgb: Image.Image, preprocessing: Preprocessing) -> NDArray[np.uint8]:
    """The model's input for one image: uint8, size×size×3, RGB, 0 to 255; or so of its alpha."""
    size = (preprocessing.size, preprocessing.size)
    if rgb.size != size:
        resample = RESAMPLING_FILTERS[preprocessing.resample]
        if preprocessing.fit == "stretch":
            rgb = rgb.resize(size, resample)
        else:
            rgb = ImageOps.fit(rgb, size, resample)
    return np.asarray(rgb)
