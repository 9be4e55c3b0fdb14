"""What the tags of a TIFF say of its samples and Pillow does not heed."""

from __future__ import annotations

from PIL.TiffImagePlugin import (
    BITSPERSAMPLE,
    EXTRASAMPLES,
    II,
    MM,
    OPEN_INFO,
    PHOTOMETRIC_INTERPRETATION,
    PLANAR_CONFIGURATION,
    SAMPLEFORMAT,
    SAMPLESPERPIXEL,
    YCBCRSUBSAMPLING,
    TiffImageFile,
)

WHITE_IS_ZERO, YCBCR = 0, 6
SIGNED = 2
APART = 2  # a plane for each sample
WHOLE = (1, 1)  # colour has the resolution of brightness
MULTIPLIED, ALPHA = 1, 2  # grey that is multiplied by its alpha, and grey that is not

# Kinds of grey that Pillow unpacks and does not list, or not in every version: byte order,
# photometric, sample format, fill order, bits, extra samples. `is_negative` heeds photometric 0.
OPEN_INFO |= {
    (MM, 0, (1,), 1, (16,), ()): ("I;16B", "I;16B"),
    (II, 0, (1,), 1, (12,), ()): ("I;16", "I;12"),
    (MM, 0, (1,), 1, (12,), ()): ("I;16", "I;12"),
    (MM, 1, (1,), 1, (12,), ()): ("I;16", "I;12"),
    (II, 1, (1,), 1, (8, 8), (MULTIPLIED,)): ("La", "La"),
    (MM, 1, (1,), 1, (8, 8), (MULTIPLIED,)): ("La", "La"),
    (II, 0, (1,), 1, (8, 8), (ALPHA,)): ("LA", "LA"),
    (MM, 0, (1,), 1, (8, 8), (ALPHA,)): ("LA", "LA"),
}


def mend(image: TiffImageFile) -> str | None:
    """Set right how the pixels of an image not loaded yet are unpacked, or say why that fails."""
    tags = image.tag_v2
    bits = max(tags.get(BITSPERSAMPLE, (1,)))
    if SIGNED in tags.get(SAMPLEFORMAT, ()):
        return f"signed {bits}-bit integer pixels have no defined brightness range"
    bare = image.info["compression"] == "raw"
    samples = tags.get(SAMPLESPERPIXEL, 1)
    # Old versions of Pillow misread this kind of colour whatever its resolution, in another mode.
    whole = image.mode == "YCbCr" and tags.get(YCBCRSUBSAMPLING) == WHOLE
    if bare and samples > 1 and tags.get(PHOTOMETRIC_INTERPRETATION) == YCBCR and not whole:
        return "uncompressed colour of a reduced resolution is not decoded"
    if tags.get(PLANAR_CONFIGURATION) != APART:
        return None
    if samples == 1:
        # A single plane is like any other, but Pillow then unpacks it as the first of several.
        tags[PLANAR_CONFIGURATION] = 1
        image._setup()
        return None
    # Pillow loses the alpha of grey and the signs of Lab, takes each byte of a bare file for a
    # sample, and alpha that is not said to be any for one that the colours are multiplied by.
    guessed = image.mode == "RGBA" and EXTRASAMPLES not in tags
    if (bare and bits > 8) or guessed or image.mode in ("LA", "La", "LAB", "PA"):
        return "separate colour planes of this kind are not decoded"
    return None


def white(image: TiffImageFile) -> int:
    """The largest sample, which is white, or black in a negative."""
    return (1 << max(image.tag_v2.get(BITSPERSAMPLE, (1,)))) - 1


def is_negative(image: TiffImageFile) -> bool:
    """Whether 0 is white in the pixels that Pillow gives; it turns those of up to 8 bits itself."""
    zero: object = image.tag_v2.get(PHOTOMETRIC_INTERPRETATION, WHITE_IS_ZERO)
    return zero == WHITE_IS_ZERO and (image.mode.startswith("I;16") or image.mode == "LA")
