"""JPEGs by libjpeg-turbo's own interface, which complains of damage that Pillow decodes in silence.

A picture whose middle was overwritten decodes all the same, as carved fragments do: below the place
everything is shifted or made up, and a verdict would be about that. Pillow has the same library
inside, so that the pixels are the same: one pass decodes and checks.
"""

from __future__ import annotations

from typing import NamedTuple

from PIL import Image

DAMAGE = "Corrupt JPEG data"  # as libjpeg-turbo begins what it warns of
# A JPEG's blocks each become one pixel: the compressed data are read all the same.
SMALLEST_SCALE = 8
# Of a header, by Pillow's mode of the image. CMYK is Pillow's to turn into RGB.
COLOURS = {"RGB": ("YCbCr", "RGB"), "L": ("Gray",)}


class Checked(NamedTuple):
    """rgb: the first picture of a file, mode RGB, as it is stored; None if anything is amiss.

    complaint: what libjpeg-turbo says is; None if it was not asked.
    """

    rgb: Image.Image | None = None
    complaint: str | None = None


def decode_checked(data: bytes, image: Image.Image) -> Checked:
    """The first picture of a JPEG file. What has no `rgb` is left to Pillow.

    image: the same, as Pillow opened it, and not loaded.
    """
    import simplejpeg

    try:
        height, width, colours, _ = simplejpeg.decode_jpeg_header(data)
        if (width, height) != image.size or colours not in COLOURS.get(image.mode, ()):
            return Checked()
        # Four bytes a pixel, as Pillow keeps them.
        pixels = simplejpeg.decode_jpeg(data, "RGBX", strict=True)
        return Checked(Image.frombytes("RGB", image.size, pixels, "raw", "RGBX", 0, 1), "")
    except ValueError as error:
        return Checked(None, str(error))
    except MemoryError:
        return Checked()


def jpeg_damage(data: bytes, complaint: str | None = None) -> str | None:
    """What is wrong with the compressed data of the first picture of a JPEG file, in a sentence.

    complaint: what `decode_checked` had to say, if it was asked.
    """
    if complaint is None:
        complaint = _complaint(data)
    if DAMAGE in complaint:  # others are of kinds that it does not know
        return "the compressed data of the image are damaged, though it can be decoded"
    return None


def is_sound(data: bytes) -> bool:
    """Whether the first picture of a JPEG file can be decoded to its end, and nothing is amiss."""
    return not _complaint(data)


def _complaint(data: bytes) -> str:
    import simplejpeg

    try:
        simplejpeg.decode_jpeg(
            data, "GRAY", fastdct=True, fastupsample=True,
            min_height=1, min_width=1, min_factor=SMALLEST_SCALE, strict=True,
        )  # fmt: skip
    except (ValueError, MemoryError) as error:
        return str(error) or type(error).__name__
    return ""
