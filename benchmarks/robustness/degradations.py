"""What happens to an image between a camera or a generator and an examiner, at several strengths.

Every image keeps its size: a model whose domain is 32×32 pixels gives no verdict on others.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter
from PIL.Image import Resampling, Transform

QUALITIES = (95, 90, 80, 70, 60, 50, 40, 30)


@dataclass(frozen=True)
class Degradation:
    """apply: makes an RGB image into another of its size. strengths: mildest first, in `unit`."""

    apply: Callable[[Image.Image, float], Image.Image]
    unit: str
    strengths: tuple[float, ...]


def jpeg(image: Image.Image, quality: float) -> Image.Image:
    return _saved(image, "JPEG", int(quality))


def webp(image: Image.Image, quality: float) -> Image.Image:
    return _saved(image, "WEBP", int(quality))


def _saved(image: Image.Image, kind: str, quality: int) -> Image.Image:
    stream = io.BytesIO()
    image.save(stream, kind, quality=quality)
    with Image.open(stream) as saved:
        return saved.convert("RGB")


def resize(image: Image.Image, factor: float) -> Image.Image:
    """To `factor` of its sides and back."""
    width, height = (max(1, round(side * factor)) for side in image.size)
    small = image.resize((width, height), Resampling.BICUBIC)
    return small.resize(image.size, Resampling.BICUBIC)


def blur(image: Image.Image, radius: float) -> Image.Image:
    return image.filter(ImageFilter.GaussianBlur(radius))


def noise(image: Image.Image, deviation: float) -> Image.Image:
    """Gaussian noise, drawn anew for each image and the same at each run."""
    pixels = np.asarray(image)
    random = np.random.default_rng(zlib.crc32(pixels.tobytes()))
    noisy = pixels + random.normal(0, deviation, pixels.shape)
    return Image.fromarray(np.clip(np.rint(noisy), 0, 255).astype(np.uint8))


def crop(image: Image.Image, margin: float) -> Image.Image:
    """Without `margin` pixels at each side, enlarged to its size again."""
    box = (margin, margin, image.width - margin, image.height - margin)
    return image.resize(image.size, Resampling.BICUBIC, box=box)


def screenshot(image: Image.Image, zoom: float) -> Image.Image:
    """Shown at `zoom` a third of a pixel off the grid, and what the screen shows brought back.

    A screenshot is a PNG, which loses nothing, so none is written.
    """
    width, height = (round(side * zoom) for side in image.size)
    grid = (1 / zoom, 0, 1 / 3, 0, 1 / zoom, 1 / 3)
    # The edge is repeated: what shows past an image depends on the page around it.
    wide = Image.fromarray(np.pad(np.asarray(image), ((0, 1), (0, 1), (0, 0)), mode="edge"))
    shown = wide.transform((width, height), Transform.AFFINE, grid, Resampling.BILINEAR)
    return shown.resize(image.size, Resampling.BILINEAR)


DEGRADATIONS = {
    "JPEG": Degradation(jpeg, "quality", QUALITIES),
    "WebP": Degradation(webp, "quality", QUALITIES),
    "shrunk and enlarged": Degradation(resize, "factor", (0.9, 0.8, 0.7, 0.6, 0.5)),
    "enlarged and shrunk": Degradation(resize, "factor", (1.25, 1.5, 2.0)),
    "Gaussian blur": Degradation(blur, "radius (pixels)", (0.25, 0.5, 0.75, 1.0)),
    "Gaussian noise": Degradation(noise, "deviation (of 255)", (2.0, 4.0, 8.0, 16.0)),
    "cropped and enlarged": Degradation(crop, "margin (pixels)", (1.0, 2.0, 4.0)),
    "screenshot": Degradation(screenshot, "zoom", (1.25, 1.5, 2.0)),
}
