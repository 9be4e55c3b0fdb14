"""Damage inside the compressed data of a JPEG, of which a decoder that goes on says nothing.

A picture whose middle was overwritten decodes all the same, as carved fragments do: below the place
everything is shifted or made up, and a verdict would be about that.
"""

from __future__ import annotations

DAMAGE = "Corrupt JPEG data"  # as libjpeg-turbo begins what it warns of
SMALLEST_SCALE = (
    8  # a JPEG's blocks each become one pixel: the compressed data are read all the same
)


def jpeg_damage(data: bytes) -> str | None:
    """What is wrong with the compressed data of the first picture of a JPEG file, in a sentence."""
    if DAMAGE in (_complaint(data) or ""):  # others are of kinds that it does not know
        return "the compressed data of the image are damaged, though it can be decoded"
    return None


def is_sound(data: bytes) -> bool:
    """Whether the first picture of a JPEG file can be decoded to its end, and nothing is amiss."""
    return _complaint(data) is None


def _complaint(data: bytes) -> str | None:
    import simplejpeg

    try:
        simplejpeg.decode_jpeg(
            data, "GRAY", fastdct=True, fastupsample=True,
            min_height=1, min_width=1, min_factor=SMALLEST_SCALE, strict=True,
        )  # fmt: skip
    except (ValueError, MemoryError) as error:
        return str(error) or type(error).__name__
    return None
