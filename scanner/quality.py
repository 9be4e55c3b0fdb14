"""What there is of a picture for a verdict to go by: detail, texture, compression, what is seen."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from scanner.preprocess import BLOCK, Preprocessing, cut_places, share_seen

# Where blocks are looked for: cuts as they are, since scaling hides them.
CUTS = Preprocessing(256, whole=False, native=4)
FLAT = 1e-6  # grey levels; less differs nowhere
FAINT = 0.05  # grey levels; the least that a difference is measured by
DOUBTS = {
    "seen": "too long and narrow: the model sees too little of it",
    "texture": "almost no texture: next to nothing is to be seen in it",
    "detail": "enlarged from far fewer pixels, or out of focus: too little detail is left",
    "blocks": "compressed so hard that its blocks stand out",
}


@dataclass(frozen=True)
class Quality:
    """Figures of one picture.

    detail: how much neighbouring pixels differ, over how much those two apart do, in what the model
    sees of it; about 0.5 where it was enlarged from far fewer pixels, since then what lies between
    two pixels is halfway between them. texture: how much neighbouring pixels differ there, in grey
    levels of 0 to 255. blocks: how much more pixels differ across the borders of 8-pixel blocks
    than within them, in the picture as it is: 1 without any, more the harder it was compressed.
    seen: the share of its area, 0 to 1, that the model is shown.
    """

    detail: float
    texture: float
    blocks: float
    seen: float


@dataclass(frozen=True)
class QualityBounds:
    """What a picture must have for a verdict, as `Quality`."""

    least_detail: float
    least_texture: float
    most_blocks: float
    least_seen: float

    def __post_init__(self) -> None:
        if not all(map(math.isfinite, vars(self).values())):
            raise ValueError(f"{self} bounds nothing")

    def doubt(self, found: Quality) -> str | None:
        """Why no verdict can be given on a picture of that quality; None where one can."""
        poor = self.poor(found)
        return None if poor is None else DOUBTS[poor]

    def poor(self, found: Quality) -> str | None:
        """Which of its figures is beyond its bound, a name in DOUBTS; None where none is."""
        if found.seen < self.least_seen:
            return "seen"
        if found.texture < self.least_texture:
            return "texture"
        if found.detail < self.least_detail:
            return "detail"
        return "blocks" if found.blocks > self.most_blocks else None


def quality(rgb: Image.Image, views: NDArray[np.uint8], preprocessing: Preprocessing) -> Quality:
    """Of a picture, mode RGB, and of what a model sees of it, as `view` gives it."""
    red, green, blue = np.moveaxis(views.reshape(-1, *views.shape[-3:]), -1, 0).astype(np.float32)
    grey = (red + green + blue) / 3
    near, far = _difference(grey, 1), _difference(grey, 2)
    detail = near / far if far > FLAT else 0.0
    return Quality(detail, near, _blocks(rgb), share_seen(rgb.size, preprocessing))


def _difference(grey: NDArray[np.float32], apart: int) -> float:
    """The mean difference of pixels that many apart, across and down, of N×S×S."""
    if min(grey.shape[1:]) <= apart:
        return 0.0
    across = np.abs(grey[:, :, apart:] - grey[:, :, :-apart]).mean()
    down = np.abs(grey[:, apart:] - grey[:, :-apart]).mean()
    return float(across + down) / 2


def _blocks(rgb: Image.Image) -> float:
    across, down = np.zeros(BLOCK), np.zeros(BLOCK)
    for left, top in cut_places(rgb.size, CUTS):
        right, bottom = min(left + CUTS.size, rgb.width), min(top + CUTS.size, rgb.height)
        cut = rgb.crop((left, top, right, bottom))
        grey = np.asarray(cut.convert("L"), np.float32)
        across += _by_place(grey)
        down += _by_place(grey.T)
    return (_prominence(across) + _prominence(down)) / 2


def _by_place(grey: NDArray[np.float32]) -> NDArray[np.float64]:
    """How much columns differ from the next, the median over those of each place in a block.

    The median, so that an edge of the picture's own, which lies in few blocks, does not tell.
    """
    steps = np.abs(np.diff(grey, axis=1))
    if steps.shape[1] < 2 * BLOCK:
        return np.zeros(BLOCK)
    rows = steps.mean(axis=0)
    whole = rows[: len(rows) // BLOCK * BLOCK].reshape(-1, BLOCK)
    return np.median(whole, axis=0).astype(np.float64)


def _prominence(by_place: NDArray[np.float64]) -> float:
    """The largest of eight over their median, which is 1 where none stands out."""
    largest, usual = float(by_place.max()), float(np.median(by_place))
    return largest / max(usual, FAINT) if largest > FAINT else 1.0
