"""Small pictures of what was decoded, for reports that show some."""

from __future__ import annotations

import io

from PIL import Image

from scanner.looks import pixels_alone

LONGEST = 224  # pixels of the longer side
KEPT = 64  # pixels of the longer side up to which each pixel counts, and is kept
QUALITY, EFFORT = 50, 2  # of WebP
# How much larger than asked for a picture that is quickly made smaller by whole numbers may stay;
# the rest is done with care. Of 1 megapixel this takes 3 ms, without it 8; of 12, 22 and 64.
GAP = 1.5


def thumbnail(rgb: Image.Image) -> bytes:
    """The picture, mode RGB, as a small WebP, or one that is small already as PNG, each pixel.

    Nothing goes with it of what its file says of itself.
    """
    stream = io.BytesIO()
    longest = max(rgb.size)
    if longest <= KEPT:
        pixels_alone(rgb).save(stream, "PNG")
    else:
        scale = min(1.0, LONGEST / longest)
        width, height = (max(1, round(side * scale)) for side in rgb.size)
        small = rgb.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=GAP)
        pixels_alone(small).save(stream, "WEBP", quality=QUALITY, method=EFFORT)
    return stream.getvalue()
