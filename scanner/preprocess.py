"""The pixel contract: from a decoded image to the uint8 view, or views, that a model scores.

Training's evaluation, calibration, benchmarks and the scan all call `view` on what `decode` or, of
all pages, `opened` of `scanner.images.decode` gives, because a detector's verdict can flip when a
different decoder or resampling filter prepares its input. The parameters of `view` come from the
model file, never from a flag.

A model may see the whole picture, scaled, and squares cut out of it as they are. What a camera or a
generator leaves behind is in how neighbouring pixels differ: scaling destroys it, and a cut keeps
it.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isqrt
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
CUTS = (0, 1, 4, 9, 16)
LARGEST = 4096  # side in pixels of a view; several together have no more pixels than one such
BLOCK = 8  # side in pixels of the blocks that a JPEG is coded in


@dataclass(frozen=True)
class Preprocessing:
    """How a decoded image becomes what a model sees of it.

    size: side of each square view in pixels.
    fit: of the whole picture; `crop` scales its shorter side to `size` and cuts the centre square,
        `stretch` scales both sides to `size`.
    resample: a name in RESAMPLING_FILTERS, also for the whole picture alone.
    whole: whether the whole picture is a view, the first.
    native: how many views are cut out of the picture without resampling, one of CUTS: a square grid
        from edge to edge, in reading order; a single one is the centre.
    """

    size: int
    fit: str = "crop"
    resample: str = "bilinear"
    whole: bool = True
    native: int = 0

    def __post_init__(self) -> None:
        # A card's `true` is an int to Python, and no number of pixels or cuts.
        if not (type(self.size) is int and 1 <= self.size <= LARGEST):
            raise ValueError(f"the view's size must be 1 to {LARGEST} pixels, not {self.size!r}")
        if self.fit not in FITS:
            raise ValueError(f"unknown fit {self.fit!r}; known: {', '.join(FITS)}")
        if self.resample not in RESAMPLING_FILTERS:
            known = ", ".join(RESAMPLING_FILTERS)
            raise ValueError(f"unknown resampling filter {self.resample!r}; known: {known}")
        if not isinstance(self.whole, bool):
            raise ValueError(f"whole must be true or false, not {self.whole!r}")
        if not (type(self.native) is int and self.native in CUTS):
            known = ", ".join(map(str, CUTS))
            raise ValueError(f"native cuts fill a square grid: {known}, not {self.native!r}")
        if self.count == 0:
            raise ValueError("without the whole picture and without native cuts there is no view")
        if self.count * self.size**2 > LARGEST**2:
            raise ValueError(
                f"{self.count} views of {self.size}x{self.size} pixels together have more pixels "
                f"than one of {LARGEST}x{LARGEST}"
            )

    @property
    def count(self) -> int:
        """How many views a model sees of an image."""
        return self.whole + self.native

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of what `view` returns: S×S×3 of one view, V×S×S×3 of several."""
        square = (self.size, self.size, 3)
        return square if self.count == 1 else (self.count, *square)

    def in_words(self) -> str:
        """What a model sees, for a person."""
        side = f"{self.size}x{self.size} pixels"
        cuts = f"{self.native} {'cut' if self.native == 1 else 'cuts'} of {side}, not scaled"
        whole = "the centre square of the picture" if self.fit == "crop" else "the picture"
        seen = [f"{whole}, scaled to {side}"] * self.whole + [cuts] * (self.native > 0)
        return " and ".join(seen)


def view(rgb: Image.Image, preprocessing: Preprocessing) -> NDArray[np.uint8]:
    """What a model sees of one image: uint8, 0 to 255, RGB, of the shape `preprocessing.shape`.

    Of several views the whole picture comes first. Of an alpha channel, mode L, it is the same
    pixels without the last axis.
    """
    if preprocessing.native == 0:
        return _whole(rgb, preprocessing)
    seen = [_whole(rgb, preprocessing)] if preprocessing.whole else []
    seen += [_cut(rgb, *place, preprocessing.size) for place in cut_places(rgb.size, preprocessing)]
    return seen[0] if len(seen) == 1 else np.stack(seen)


def share_seen(size: tuple[int, int], preprocessing: Preprocessing) -> float:
    """The share, 0 to 1, of a picture's area that lies in its views.

    size: width and height. Of the whole picture and the cuts that which shows more counts.
    """
    whole = cuts = 0.0
    if preprocessing.whole:
        whole = 1.0 if preprocessing.fit == "stretch" else min(size) / max(size)
    if preprocessing.native:
        across, down = (_covered(side, preprocessing) / side for side in size)
        cuts = across * down
    return max(whole, cuts)


def cut_places(size: tuple[int, int], preprocessing: Preprocessing) -> list[tuple[int, int]]:
    """Where the native cuts of an image begin: left and top in pixels, in reading order.

    size: width and height. The cuts lie from edge to edge, and overlap in an image that is too
    small for them side by side; each place is rounded down to the blocks of a JPEG that is stored
    upright. In an image that is narrower or lower than a cut, all begin at its near edge.
    """
    across, down = (_places(side, preprocessing) for side in size)
    return [(left, top) for top in down for left in across]


def _places(side: int, preprocessing: Preprocessing) -> list[int]:
    room = max(0, side - preprocessing.size)
    steps = isqrt(preprocessing.native)
    if steps == 1:
        return [room // 2 // BLOCK * BLOCK]
    return [room * step // (steps - 1) // BLOCK * BLOCK for step in range(steps)]


def _covered(side: int, preprocessing: Preprocessing) -> int:
    """How many pixels along a side lie in cuts."""
    places = _places(side, preprocessing)
    ends = [*places[1:], side]
    return sum(
        min(preprocessing.size, end - place) for place, end in zip(places, ends, strict=True)
    )


def _whole(rgb: Image.Image, preprocessing: Preprocessing) -> NDArray[np.uint8]:
    size = (preprocessing.size, preprocessing.size)
    if rgb.size != size:
        resample = RESAMPLING_FILTERS[preprocessing.resample]
        if preprocessing.fit == "stretch":
            rgb = rgb.resize(size, resample)
        else:
            rgb = ImageOps.fit(rgb, size, resample)
    return np.asarray(rgb)


def _cut(rgb: Image.Image, left: int, top: int, size: int) -> NDArray[np.uint8]:
    """A square of the image as it is; beyond its far edges, its mirror image again and again."""
    inside = (left, top, min(left + size, rgb.width), min(top + size, rgb.height))
    cut = np.asarray(rgb.crop(inside))
    beyond = [(0, size - cut.shape[0]), (0, size - cut.shape[1]), (0, 0)]
    return np.pad(cut, beyond[: cut.ndim], "symmetric")
