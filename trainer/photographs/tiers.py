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
from PIL import Image, ImageFilter

from scanner.looks import LOOKS, pixels_alone

AS_IT_IS, WEB, HARD = "as-it-is", "web", "hard"
# Longest side in pixels, none of them enlarged, and JPEG quality.
RE_SAVED = {WEB: (1080, 75), HARD: (512, 50)}
TIERS = (AS_IT_IS, *RE_SAVED)
AUGMENTED = "augmented"
TRAINED_ON = (AS_IT_IS, f"{AUGMENTED}-0")  # that heads on the frozen tower are fitted on
AND = ", "  # between a tier and the look at a picture in it

LONGEST = (512, 2048)  # of an augmented picture, pixels
LARGEST_FACTOR = 1.4  # by which it is enlarged
QUALITIES = (40, 97)  # of JPEG and of WebP
OFTEN, SELDOM = 0.5, 0.2  # probabilities of a cut and of a mirror; of blur, of noise and of WebP
BLURS = (0.3, 1.5)  # standard deviation, pixels
NOISES = (1.0, 8.0)  # standard deviation, of values from 0 to 255
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

    tier: also `looked_at` of these. sha256: of the picture's file; with N it decides what happens
    to an augmented one.
    """
    tier, _, look = tier.partition(AND)
    if look:
        return LOOKS[look](in_tier(rgb, tier, sha256))
    if tier == AS_IT_IS:
        return rgb
    if tier in RE_SAVED:
        longest, quality = RE_SAVED[tier]
        rgb = _resized(rgb, longest, Image.Resampling.LANCZOS)
        return _saved_again(rgb, "JPEG", quality=quality, subsampling=SUBSAMPLINGS[-1])
    seed = hashlib.sha256(f"{sha256} {tier}".encode()).digest()[:8]
    return augmented(rgb, np.random.default_rng(int.from_bytes(seed)))


def looked_at(tier: str, look: str) -> str:
    """The tier of pictures that are in `tier` when a scan takes that one of its second looks."""
    return f"{tier}{AND}{look}"


def augmented(rgb: Image.Image, random: np.random.Generator) -> Image.Image:
    """A random cut of the picture, perhaps mirrored, scaled, blurred, noisy, and saved again."""
    if random.random() < OFTEN:
        rgb = _cut(rgb, random)
    if random.random() < OFTEN:
        rgb = rgb.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    low, high = np.log(LONGEST)
    longest = math.exp(random.uniform(low, high))
    chosen = FILTERS[random.integers(len(FILTERS))]
    rgb = _resized(rgb, min(longest, LARGEST_FACTOR * max(rgb.size)), chosen, enlarge=True)
    if random.random() < SELDOM:
        rgb = rgb.filter(ImageFilter.GaussianBlur(random.uniform(*BLURS)))
    if random.random() < SELDOM:
        rgb = _noisy(rgb, random)
    quality = int(random.integers(*QUALITIES))
    if random.random() < SELDOM:
        return _saved_again(rgb, "WEBP", quality=quality)
    subsampling = SUBSAMPLINGS[random.integers(len(SUBSAMPLINGS))]
    return _saved_again(rgb, "JPEG", quality=quality, subsampling=subsampling)


def _noisy(rgb: Image.Image, random: np.random.Generator) -> Image.Image:
    noise = random.normal(0, random.uniform(*NOISES), (rgb.height, rgb.width, 3))
    return Image.fromarray(np.clip(np.asarray(rgb) + noise, 0, 255).astype(np.uint8))


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


def _saved_again(rgb: Image.Image, kind: str, **settings: int) -> Image.Image:
    stream = io.BytesIO()
    pixels_alone(rgb).save(stream, kind, **settings)
    return Image.open(stream).convert("RGB")
