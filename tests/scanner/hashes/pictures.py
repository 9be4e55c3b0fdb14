"""Pictures with as much detail as photographs, of which no two are alike."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageFilter


def scene(seed: int, size: tuple[int, int] = (900, 700)) -> Image.Image:
    """Blurred noise, mode RGB."""
    pixels = np.random.default_rng(seed).integers(0, 256, (12, 12, 3), dtype=np.uint8)
    image = Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC)
    return image.filter(ImageFilter.GaussianBlur(3))
