"""Images of a PDF whose stored bytes are a file of their own: JPEG and JPEG 2000.

Such a file is handed on as it is where the document paints it in the file's own colours, but for
what covers it, and for profiles and calibrations, which are left alone in every file.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from scanner.containers.pdf.entries import entry, numbers
from scanner.containers.pdf.filters import filters, last_filter, unpacked
from scanner.containers.pdf.refusal import unsupported
from scanner.containers.pdf.spaces import DEVICE, family
from scanner.images.jpeg import jpeg_damage

if TYPE_CHECKING:
    from PIL import Image

JPEG, JPEG_2000 = "/DCTDecode", "/JPXDecode"
SUFFIXES = {JPEG: "jpg", JPEG_2000: "jp2"}
COMPONENTS = DEVICE | {"/CalGray": 1, "/CalRGB": 3}


def suffix(item: Any) -> str | None:
    """What the file is called that is handed on for an image; None where none is."""
    return SUFFIXES[last_filter(item)] if has_own_colours(item) else None


def has_own_colours(item: Any) -> bool:
    """Whether an image is a file whose own colours are those that its dictionary names."""
    kind = last_filter(item)
    if kind not in SUFFIXES:
        return False
    with contextlib.suppress(Exception):  # a parser raises nearly anything on broken colours
        if entry(item, "/ColorSpace") is None:
            return True
        components = _components(item)
        if components == 0 or (components, kind) == (4, JPEG_2000):
            return False  # of four components Pillow may take the last for transparency
        # Pillow takes the inks of every JPEG for stored inverted, as Adobe's programs store them.
        own = [1, 0] if components == 4 else [0, 1]
        return numbers(item, "/Decode", [0, 1] * components) == own * components
    return False


def is_bare_file(item: Any) -> bool:
    """Whether nothing but the file lies in the document, where a search for pictures meets it."""
    return last_filter(item) in SUFFIXES and len(filters(item)) == 1


def whole_file(item: Any, limit: int) -> bytes:
    """The bytes of the file, also where they are of more or fewer components than the document
    says, which leaves nothing else to paint. Raises MemberError if it takes them for others.
    """
    data = unpacked(item, limit, but_last=True)
    kind, parameters = filters(item)[-1]
    if kind == JPEG and (header := _header(data)):
        _check_transform(header, parameters)
    return data


def jpeg_samples(item: Any, components: int, limit: int) -> npt.NDArray[np.uint8]:
    """(height, width, components) of a JPEG, whose colours are for the document to tell.

    Raises MemberError for a file that is not sure to hold what the document says.
    """
    from PIL import Image

    data = unpacked(item, limit, but_last=True)
    size = int(item["/Width"]), int(item["/Height"])
    with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
        if image.mode != {1: "L", 3: "RGB", 4: "CMYK"}.get(components) or image.size != size:
            raise unsupported("a JPEG painted in other colours or another size than its own")
        _check_transform(image, filters(item)[-1][1])
        if damage := jpeg_damage(data):
            raise ValueError(damage)
        stored = np.asarray(image).reshape(*image.size[::-1], components)
    return 255 - stored if components == 4 else stored  # which Pillow has inverted


def _components(item: Any) -> int:
    """How many the colour space has if it is grey, RGB or inks of some kind, else 0."""
    name = family(item["/ColorSpace"])
    if name == "/ICCBased":
        return int(item["/ColorSpace"][1].get_object()["/N"])
    return COMPONENTS.get(name, 0)


def _header(data: bytes) -> Image.Image | None:
    """The image as Pillow opens it; None if it cannot, which examining it will tell of."""
    from PIL import Image

    with contextlib.suppress(Exception), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Image.open(io.BytesIO(data))
    return None


def _check_transform(image: Image.Image, parameters: Any) -> None:
    """Raise MemberError unless all decoders take the same of YCbCr and RGB, or YCCK and CMYK.

    By 7.4.8 the document's word counts where Adobe's marker is missing; decoders of files go by
    the file alone.
    """
    other = {"RGB": 0, "CMYK": 1}.get(image.mode, -1)
    if "adobe" not in image.info and entry(parameters, "/ColorTransform") == other:
        raise unsupported("a JPEG painted by another transform of colours than it names")
