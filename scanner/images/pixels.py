"""From a decoder's samples to the picture that they stand for: 8-bit RGB, upright, on white.

Pillow leaves open what is white in samples of more than 8 bits, and it loses some transparency.
Samples whose brightness nothing defines stand for no picture.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from PIL import ExifTags, Image, ImageFile
from PIL.IcnsImagePlugin import IcnsImageFile
from PIL.IcoImagePlugin import IcoImageFile
from PIL.TiffImagePlugin import TiffImageFile

from scanner.images import tiff_samples

# The formats that say what is white in grey of more than 8 bits, which Pillow scales to WHITE; in
# TIFF it is the largest sample. FITS, McIDAS and IM hold what was measured in theirs.
SCALED = ("JPEG2000", "PNG", "PPM")
WHITE = 65_535
# By what EXIF's orientation is undone; 1 is upright.
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# And what undoes each that does not undo itself.
TURNED_BACK = {
    Image.Transpose.ROTATE_90: Image.Transpose.ROTATE_270,
    Image.Transpose.ROTATE_270: Image.Transpose.ROTATE_90,
}
NEGATIVE = [*range(255, -1, -1), *range(256)]  # of grey, and of the alpha beside it


class NoPicture(Exception):
    """The samples cannot be told to be a picture's; the sentence says why."""


def to_rgb(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """8-bit RGB of an image of any Pillow mode, upright and on white, and its alpha if it has any.

    `image` is as it was opened, or as a frame of it was sought: once it is loaded, nothing tells
    any more how deep a PNG's samples were. Raises NoPicture, and what the decoder raises.
    """
    image = _from_icon(image)
    tiff = image if isinstance(image, TiffImageFile) else None
    if reason := (tiff and tiff_samples.mend(tiff)) or _undefined(image):
        raise NoPicture(reason)
    samples = _png_samples(image)
    image.load()
    upright = turned(image, turn_of(image))
    if samples and "transparency" in upright.info:
        upright.info["transparency"] = _in_pixels(upright.info["transparency"], samples)
    if upright.mode.startswith("I"):
        upright = _in_8_bits(upright, tiff_samples.white(tiff) if tiff else WHITE)
    if tiff and tiff_samples.is_negative(tiff):
        upright = upright.point(NEGATIVE[: 256 * len(upright.getbands())])
    return _on_white(upright)


def turned(image: Image.Image, turn: Image.Transpose | None) -> Image.Image:
    """The image once it is turned; itself where nothing need be."""
    return image if turn is None else image.transpose(turn)


def turn_of(image: Image.Image) -> Image.Transpose | None:
    """What makes an image upright that is stored in another position; None where nothing need.

    EXIF that cannot be read turns nothing, and spoils no pixel: ImageOps.exif_transpose writes EXIF
    anew, which fails where any of its other fields is broken.
    """
    try:
        return UPRIGHT.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # its reader raises nearly anything on broken bytes
        return None


def _from_icon(image: Image.Image) -> Image.Image:
    """An icon's largest picture by its own decoder: the icon's loses its transparent colours."""
    if isinstance(image, IcoImageFile):
        return image.ico.frame(0)
    if isinstance(image, IcnsImageFile):
        return image.icns.getimage(image.best_size)
    return image


def _undefined(image: Image.Image) -> str | None:
    """Why no sample can be called white, as a sentence; None where one is."""
    if isinstance(image, ImageFile.StubImageFile):  # of a made-up mode
        return f"imgscan does not open {image.format} files"
    if image.mode == "F":
        samples = "floating-point"
    elif image.mode == "I" and image.format not in SCALED:
        samples = "32-bit integer"
    elif image.mode.startswith("I;") and image.format not in (*SCALED, "TIFF"):
        samples = f"16-bit {image.format}"
    else:
        return None
    return f"{samples} pixels have no defined brightness range"


def _png_samples(image: Image.Image) -> str | None:
    """How the samples of a PNG that is not loaded yet lie in it, in Pillow's words."""
    tile = getattr(image, "tile", None)
    return str(tile[0].args) if image.format == "PNG" and tile else None


def _in_pixels(transparent: Any, samples: str) -> Any:
    """A PNG's transparent colour, which is in the file's units, in those of Pillow's pixels."""
    match samples:
        case "L;2":
            return (transparent & 3) * 85
        case "L;4":
            return (transparent & 15) * 17
        case "RGB;16B":
            # Pillow keeps the high bytes alone, so every colour that shares them with the
            # transparent one becomes transparent, too: the best that can be had.
            return tuple(sample >> 8 for sample in transparent)
    return transparent


def _in_8_bits(image: Image.Image, white: int) -> Image.Image:
    """Grey of up to 16 bits as L, or as LA where a grey is transparent."""
    samples = image.convert("I")
    transparent = samples.info.pop("transparency", None)
    grey = samples.point(_levels(white), "L")
    if transparent is not None:
        opaque = [255 * (sample != transparent) for sample in range(WHITE + 1)]
        grey.putalpha(samples.point(opaque, "L"))
    return grey


@cache
def _levels(white: int) -> list[int]:
    """The 8-bit level of each sample: scaled, not clipped."""
    return [round(255 * min(sample, white) / white) for sample in range(WHITE + 1)]


def _on_white(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    if image.mode == "La":
        image = image.convert("LA")  # the only way that Pillow knows from there
    if not image.has_transparency_data:
        return image if image.mode == "RGB" else image.convert("RGB"), None
    rgba = image.convert("RGBA")
    white = Image.new("RGBA", rgba.size, "white")
    return Image.alpha_composite(white, rgba).convert("RGB"), rgba.getchannel("A")
