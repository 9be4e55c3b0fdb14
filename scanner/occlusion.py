"""Where in a picture a model's evidence lies: what its score owes to each part.

A part is covered, and the model asked again; what the log-odds lose by it is what they owe to the
part (Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", 2014). Of a model
that sees several views the parts are those views, and each is judged alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from scanner.preprocess import Preprocessing, cut_places

if TYPE_CHECKING:
    from numpy.typing import NDArray

ACROSS = 7  # parts of a view, across and down


class Region(NamedTuple):
    """A rectangle of a picture, and what the model's log-odds owe to it; positive speaks for fake.

    Its sides are 0 to 1, from the left and the top of the picture as it is shown.
    """

    left: float
    top: float
    right: float
    bottom: float
    weight: float


def covered(seen: NDArray[np.uint8], preprocessing: Preprocessing) -> NDArray[np.uint8]:
    """What to ask the model: N×S×S×3, or N×V×S×S×3 of V views, uint8.

    seen: what it saw, as `view` gives it.
    """
    if preprocessing.count > 1:
        return np.stack([np.broadcast_to(one, seen.shape) for one in seen])
    asked = np.repeat(seen[None], ACROSS**2, axis=0)
    for number, (rows, columns) in enumerate(_parts(preprocessing.size)):
        asked[number, rows, columns] = seen.mean(axis=(0, 1)).round()
    return asked


def regions(
    size: tuple[int, int], preprocessing: Preprocessing, logit: float, logits: NDArray[np.float32]
) -> tuple[Region, ...]:
    """What the score owes to each part of a picture.

    size: width and height of the upright picture. logit: of what the model saw; logits: of what
    `covered` made of that.
    """
    if preprocessing.count > 1:
        weights = [float(one) for one in logits]
        return tuple(
            Region(*place, round(weight, 2))
            for place, weight in zip(_views(size, preprocessing), weights, strict=True)
        )
    left, top, right, bottom = _views(size, preprocessing)[0]
    found = []
    for (rows, columns), covered_logit in zip(_parts(preprocessing.size), logits, strict=True):
        across = [side / preprocessing.size for side in (columns.start, columns.stop)]
        down = [side / preprocessing.size for side in (rows.start, rows.stop)]
        place = (
            left + (right - left) * across[0],
            top + (bottom - top) * down[0],
            left + (right - left) * across[1],
            top + (bottom - top) * down[1],
        )
        weight = round(logit - float(covered_logit), 2)
        found.append(Region(*(round(side, 4) for side in place), weight))
    return tuple(found)


def _parts(size: int) -> list[tuple[slice, slice]]:
    """The parts of a square view, in reading order."""
    ends = [size * step // ACROSS for step in range(ACROSS + 1)]
    along = [slice(start, stop) for start, stop in zip(ends, ends[1:], strict=False)]
    return [(rows, columns) for rows in along for columns in along]


def _views(
    size: tuple[int, int], preprocessing: Preprocessing
) -> list[tuple[float, float, float, float]]:
    """Where each view lies in a picture: left, top, right and bottom, each 0 to 1."""
    width, height = size
    places = []
    if preprocessing.whole:
        side = min(size)
        across, down = (side, side) if preprocessing.fit == "crop" else size
        left, top = (width - across) / 2 / width, (height - down) / 2 / height
        places.append((left, top, left + across / width, top + down / height))
    for left, top in cut_places(size, preprocessing) if preprocessing.native else []:
        stop = min(left + preprocessing.size, width), min(top + preprocessing.size, height)
        places.append((left / width, top / height, stop[0] / width, stop[1] / height))
    return [(round(a, 4), round(b, 4), round(c, 4), round(d, 4)) for a, b, c, d in places]
