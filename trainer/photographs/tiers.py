"""What becomes of a picture on its way to us: the tiers that are measured, and random ones.

All of it happens to the whole picture, before the scan's own view is made of it. What the tower
saw of pictures is kept by the names of the tiers: whoever changes what a tier does empties that
cache.
"""

from __future__ import annotations

import hashlib
import io
import math

import numpy as np
from PIL import Image

AS_IT_IS, WEB, HARD = "as-it-is", "web", "hard"
# Longest side in pixels, none of them enlarged, and JPEG quality.
RE_SAVED = {WEB: (1080, 75), HARD: (512, 50)}
TIERS = (AS_IT_IS, *RE_SAVED)
AUGMENTED = "augmented"

LONGEST = (512, 2048)  # of an augmented picture, pixels
LARGEST_FACTOR = 1.4  # by which it is enlarged
QUALITIES = (55, 96)
SMALLEST_CUT = 0.6  # share of each side
SHORTEST = 224  # a cut that is smaller would be enlarged for the view
FILTERS = (
    Image.Resampling.BILINEAR,
    Image.Resampling.BICUBIC,
    Image.Resampling.LANCZOS,
    Image.Resampling.BOX,
)
SUBSAMPLINGS = (0, 2, 2)  # 4:4:4 once, 4:2:0, which is usual, twice


def in_tier(rgb: Image.Image, tier: str, sha256: str) -> Image.Image:
    """The picture, mode RGB, as it is met in one of TIERS, or in `augmented-N` for any N.

    sha256: of the picture's file; with N it decides what happens to an augmented one.
    """
    if tier == AS_IT_IS:
        return rgb
    if tier in RE_SAVED:
        longest, quality = RE_SAVED[tier]
        return _re_saved(
            _resized(rgb, longest, Image.Resampling.LANCZOS), quality, SUBSAMPLINGS[-1]
        )
    seed = hashlib.sha256(f"{sha256} {tier}".encode()).digest()[:8]
    return augmented(rgb, np.random.default_rng(int.from_bytes(seed)))


def augmented(rgb: Image.Image, random: np.random.Generator) -> Image.Image:
    """A random cut of the picture, perhaps mirrored, scaled and saved again as JPEG."""
    if random.random() < 0.5:
        rgb = _cut(rgb, random)
    if random.random() < 0.5:
        rgb = rgb.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    low, high = np.log(LONGEST)
    longest = math.exp(random.uniform(low, high))
    chosen = FILTERS[random.integers(len(FILTERS))]
    rgb = _resized(rgb, min(longest, LARGEST_FACTOR * max(rgb.size)), chosen, enlarge=True)
    quality = int(random.integers(QUALITIES[0], QUALITIES[1] + 1))
    return _re_saved(rgb, quality, SUBSAMPLINGS[random.integers(len(SUBSAMPLINGS))])


def _cut(rgb: Image.Image, random: np.random.Generator) -> Image.Image:
    share = random.uniform(SMALLEST_CUT, 1)
    width, height = (min(side, max(SHORTEST, round(share * side))) for side in rgb.size)
    left = int(random.integers(rgb.width - width + 1))
    top = int(random.integers(rgb.height - height + 1))
    return rgb.crop((left, top, left + width, top + height))


def _resized(
    rgb: Image.Image, longest: float, resample: Image.Resampling, enlarge: bool = False
) -> Image.Image:
    factor = longest / max(rgb.size)
    if factor >= 1 and not enlarge:
        return rgb
    width, height = (max(1, round(factor * side)) for side in rgb.size)
    return rgb.resize((width, height), resample)


def _re_saved(rgb: Image.Image, quality: int, subsampling: int) -> Image.Image:
    stream = io.BytesIO()
    rgb.save(stream, "JPEG", quality=quality, subsampling=subsampling)
    return Image.open(stream).convert("RGB")
