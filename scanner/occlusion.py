"""Where in a picture a model's evidence lies: what its score owes to each part.

Parts are covered, and the model asked again; what the log-odds lose by it is what they owe to those
parts (Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", 2014). Of a model
that sees several views the parts are those views, and each is judged alone.
"""

from __future__ import annotations

from itertools import pairwise, product
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from scanner.preprocess import Preprocessing, cut_places

if TYPE_CHECKING:
    from numpy.typing import NDArray

ACROSS = 7  # parts of a view, across and down
# Parts across and down that are covered at once, since one alone is hardly missed. A map is no
# finer than that, and least so at its edges, whose parts are covered only with their neighbours.
TOGETHER = 3
_SPANS = [slice(first, first + TOGETHER) for first in range(ACROSS - TOGETHER + 1)]
_WINDOWS = list(product(_SPANS, repeat=2))  # rows and columns of parts


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
    asked = np.repeat(seen[None], len(_WINDOWS), axis=0)
    ends = _ends(preprocessing.size)
    for one, (rows, columns) in zip(asked, _WINDOWS, strict=True):
        place = (slice(ends[span.start], ends[span.stop]) for span in (rows, columns))
        one[tuple(place)] = seen.mean(axis=(0, 1)).round()
    return asked


def regions(
    size: tuple[int, int], preprocessing: Preprocessing, logit: float, logits: NDArray[np.float32]
) -> tuple[Region, ...]:
    """What the score owes to each part of a picture.

    size: width and height of the upright picture. logit: of what the model saw; logits: of what
    `covered` made of that.
    """
    views = _views(size, preprocessing)
    if preprocessing.count > 1:
        return _placed(views, logits.tolist())
    lost, times = np.zeros((2, ACROSS, ACROSS))
    for window, one in zip(_WINDOWS, logits.tolist(), strict=True):
        lost[window] += (logit - one) / TOGETHER**2
        times[window] += 1
    return _placed(_parts(views[0], preprocessing.size), (lost / times).ravel().tolist())


Place = tuple[float, float, float, float]  # left, top, right and bottom


def _placed(places: list[Place], weights: list[float]) -> tuple[Region, ...]:
    """Without what lies beyond the picture's far edges, where a cut has its mirror image."""
    found = []
    for (left, top, right, bottom), weight in zip(places, weights, strict=True):
        if left < 1 and top < 1:
            sides = [round(side, 4) for side in (left, top, min(right, 1), min(bottom, 1))]
            found.append(Region._make([*sides, round(weight, 3)]))
    return tuple(found)


def _ends(size: int) -> list[int]:
    """Where parts of a view begin and end, across as down."""
    return [size * step // ACROSS for step in range(ACROSS + 1)]


def _parts(view: Place, size: int) -> list[Place]:
    """Where the parts of a view lie, in reading order."""
    left, top, right, bottom = view
    across, down = (
        list(pairwise(start + (stop - start) * end / size for end in _ends(size)))
        for start, stop in ((left, right), (top, bottom))
    )
    return [(a, b, c, d) for b, d in down for a, c in across]


def _views(size: tuple[int, int], preprocessing: Preprocessing) -> list[Place]:
    """Where each view lies in a picture; a cut may reach beyond its far edges."""
    width, height = size
    places = []
    if preprocessing.whole:
        side = min(size)
        across, down = (side, side) if preprocessing.fit == "crop" else size
        left, top = (width - across) / 2 / width, (height - down) / 2 / height
        places.append((left, top, left + across / width, top + down / height))
    for x, y in cut_places(size, preprocessing) if preprocessing.native else []:
        right, bottom = x + preprocessing.size, y + preprocessing.size
        places.append((x / width, y / height, right / width, bottom / height))
    return places
