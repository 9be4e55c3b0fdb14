"""Small copies of whole pictures, as all that a network learns from must lie in memory at once."""

from __future__ import annotations

from PIL import Image

from scanner.images.decode import decode
from trainer.photographs.sources import Photograph

# The view's 224 and a little more, for cuts to be made of; the filter is the view's own.
SHORTER_SIDE = 256
LONGER_SIDE = 384  # at most; of what is longer the middle is kept, as the view keeps it
RESAMPLE = Image.Resampling.BICUBIC


def small(rgb: Image.Image) -> Image.Image:
    """The picture, mode RGB, its shorter side scaled to SHORTER_SIDE."""
    factor = SHORTER_SIDE / min(rgb.size)
    width, height = (min(LONGER_SIDE, round(factor * side)) for side in rgb.size)
    kept = (min(rgb.width, width / factor), min(rgb.height, height / factor))
    left, top = ((side - part) / 2 for side, part in zip(rgb.size, kept, strict=True))
    return rgb.resize((width, height), RESAMPLE, (left, top, left + kept[0], top + kept[1]))


def read_small(photograph: Photograph) -> tuple[Image.Image | None, str]:
    """The small copy of a picture's file, and what is wrong with it, if anything."""
    try:
        return small(decode(photograph.path.read_bytes()).rgb), ""
    except Exception as error:  # decoders raise nearly anything on broken files
        return None, f"{photograph.path} cannot be decoded: {error}."
