"""JPEGs that are decoded and checked for damage in one pass.

Pillow decodes a damaged JPEG without a word, so that each would have to be decoded twice: once for
its pixels, and once by a decoder that complains. libjpeg-turbo's own interface does both, with the
same pixels; Pillow has it inside, too.
"""

from __future__ import annotations

from PIL import Image

# Of a header, by Pillow's mode of the image. CMYK is Pillow's to turn into RGB.
COLOURS = {"RGB": ("YCbCr", "RGB"), "L": ("Gray",)}


def sound_picture(data: bytes, image: Image.Image) -> Image.Image | None:
    """The first picture of a JPEG file, mode RGB, as it is stored, if nothing is wrong with it.

    image: the same, as Pillow opened it, and not loaded. None also of what is left to Pillow to
    decode, or to fail on.
    """
    import simplejpeg

    try:
        height, width, colours, _ = simplejpeg.decode_jpeg_header(data)
        if (width, height) != image.size or colours not in COLOURS.get(image.mode, ()):
            return None
        # Four bytes a pixel, as Pillow keeps them.
        pixels = simplejpeg.decode_jpeg(data, "RGBX", strict=True)
    except (ValueError, MemoryError):
        return None
    padded = Image.frombuffer("RGBX", image.size, pixels, "raw", "RGBX", 0, 1)
    return Image.fromarrow(padded, "RGB", image.size)  # the same memory by another name
