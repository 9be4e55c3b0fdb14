"""Images of a PDF that have no file format of their own, as PNG of 8-bit sRGB (ISO 32000-2, 8.9).

What is made of them here is what a second renderer shows, as the tests measure; all else is
`unsupported`.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from scanner.containers.container import MemberError
from scanner.containers.pdf.entries import entry, numbers, readable_entry
from scanner.containers.pdf.fax import FAX, fax_samples
from scanner.containers.pdf.filters import last_filter, samples, unpacked
from scanner.containers.pdf.functions import Floats
from scanner.containers.pdf.refusal import unsupported
from scanner.containers.pdf.spaces import Bytes, Redefined, Space, device, space
from scanner.containers.pdf.whole_files import JPEG, JPEG_2000, jpeg_samples
from scanner.limits import Limits
from scanner.record import Status

if TYPE_CHECKING:
    from PIL import Image

Samples = npt.NDArray[np.integer[Any]]

DEPTHS = (1, 2, 4, 8, 16)
AT_ONCE = 1 << 20  # pixels that are turned into colours together


def png(item: Any, limits: Limits, redefined: Redefined) -> bytes:
    """The picture that an image dictionary describes.

    Raises MemberError if it is too large or not to be had, and what parsers raise on damage.
    """
    width, height = _size(item, limits)
    if is_stencil(item):
        raise unsupported("the colour that a page paints its stencil in")
    if entry(item, "/ColorSpace") is None:
        raise unsupported("the colours of no colour space")
    with np.errstate(all="ignore"):  # what comes to no number is refused
        found = space(item["/ColorSpace"], redefined)
        stored = _samples(item, found.components, limits)
        rgb = _painted(stored, _values(item, found), found)
    image = _image(rgb.reshape(height, width, 3))
    if (alpha := _alpha(item, stored, limits)) is not None:
        image.putalpha(alpha)
    stream = io.BytesIO()
    image.save(stream, "PNG", compress_level=1)
    return stream.getvalue()


def is_stencil(item: Any) -> bool:
    """Whether it says only where a page is painted, and not in which colour."""
    from pypdf.generic import BooleanObject

    return bool(readable_entry(item, "/ImageMask") == BooleanObject(True))


def _size(item: Any, limits: Limits) -> tuple[int, int]:
    width, height = int(item["/Width"]), int(item["/Height"])
    if min(width, height) < 1:
        raise ValueError(f"it has {width}x{height} pixels")
    if width * height > limits.pixels:
        sentence = f"{width}x{height} pixels are more than the limit of {limits.pixels:,}"
        raise MemberError(Status.OVER_LIMIT, sentence)
    return width, height


def _image(pixels: Bytes) -> Image.Image:
    from PIL import Image

    return Image.fromarray(pixels)


def _depth(item: Any) -> int:
    depth = 1 if is_stencil(item) else entry(item, "/BitsPerComponent")
    if depth not in DEPTHS:
        raise unsupported(f"samples of {depth} bits")
    return int(depth)


def _samples(item: Any, components: int, limits: Limits) -> Samples:
    """(pixels, components), as they are stored."""
    width, height = _size(item, limits)
    kind = last_filter(item)
    if kind == FAX:
        if components != 1 or entry(item, "/BitsPerComponent", 1) != 1:
            raise unsupported("a fax in more than two colours")
        return fax_samples(item, width, height, limits.file_bytes).reshape(-1, 1)
    if kind == JPEG:
        return jpeg_samples(item, components, limits.file_bytes).reshape(-1, components)
    if kind == JPEG_2000:
        raise unsupported("a JPEG 2000 painted in other colours than its own")
    depth = _depth(item)
    data = unpacked(item, limits.file_bytes)
    stride = -(-width * components * depth // 8)
    if len(data) < stride * height:
        raise ValueError(f"it ends after {len(data):,} of {stride * height:,} bytes")
    if width * components * depth % 8:  # rows begin with a byte, 8.9.3
        padded = samples(data, stride * height * 8 // depth, depth).reshape(height, -1)
        return padded[:, : width * components].reshape(-1, components)
    return samples(data, width * height * components, depth).reshape(-1, components)


def _values(item: Any, found: Space) -> Floats:
    """What each level of each component stands for, (components, levels); 8.9.5.2."""
    levels = 2 ** _stored_depth(item)
    ranges = found.ranges or ((0, levels - 1),)
    whole = [edge for pair in ranges for edge in pair]
    decode = np.array(numbers(item, "/Decode", whole), np.float32)
    if found.ranges is None and (levels > 256 or sorted(decode) != whole):
        raise unsupported("indices that are not those of its table")
    if decode.size != len(whole):
        raise unsupported("a Decode array of another length than its colours")
    low, high = decode.reshape(-1, 2, 1).swapaxes(0, 1)
    values = low + np.arange(levels, dtype=np.float32) / (levels - 1) * (high - low)
    bounds = np.array(ranges, np.float32)
    return np.clip(values, bounds[:, :1], bounds[:, 1:])


def _stored_depth(item: Any) -> int:
    return {FAX: 1, JPEG: 8}.get(last_filter(item)) or _depth(item)


def _painted(stored: Samples, values: Floats, found: Space) -> Bytes:
    """(pixels, 3) of sRGB."""
    rgb = np.empty((len(stored), 3), np.uint8)
    if found.components == 1:
        used = np.zeros(values.shape[1], bool)
        for start in range(0, len(stored), AT_ONCE):
            used[stored[start : start + AT_ONCE, 0]] = True
        colours = np.zeros((len(used), 3), np.uint8)
        colours[used] = found.paint(values[0, used, None])
    for start in range(0, len(stored), AT_ONCE):
        part = stored[start : start + AT_ONCE]
        if found.components == 1:
            rgb[start : start + AT_ONCE] = colours[part[:, 0]]
        else:
            of_each = [of_one[part[:, at]] for at, of_one in enumerate(values)]
            rgb[start : start + AT_ONCE] = found.paint(np.stack(of_each, axis=1))
    return rgb


def _alpha(item: Any, stored: Samples, limits: Limits) -> Image.Image | None:
    """How much each pixel covers, of the size of the image; None if all do (8.9.6, 11.6.5)."""
    from PIL import ImageOps

    width, height = _size(item, limits)
    if (soft := _stream(item, "/SMask")) is not None:
        if "/Matte" in soft or entry(soft, "/ColorSpace") != "/DeviceGray":
            raise unsupported("colours that were mixed with those behind them")
        opaque = _grey(soft, limits)
    elif (hard := _stream(item, "/Mask")) is not None:
        if not is_stencil(hard):
            raise unsupported("a mask that is no stencil")
        opaque = ImageOps.invert(_grey(hard, limits))  # which covers where it is 0
    elif entry(item, "/Mask") is not None:
        hidden = np.array(numbers(item, "/Mask")).reshape(-1, 2)
        if len(hidden) != stored.shape[1]:
            raise unsupported("a mask of other colours than its own")
        outside = (stored < hidden[:, 0]) | (stored > hidden[:, 1])
        opaque = _image((outside.any(axis=1) * np.uint8(255)).reshape(height, width))
    else:
        return None
    return opaque.resize((width, height))


def _grey(mask: Any, limits: Limits) -> Image.Image:
    width, height = _size(mask, limits)
    grey = _values(mask, device(1))[0]
    levels = np.rint(255 * grey).astype(np.uint8)
    return _image(levels[_samples(mask, 1, limits)].reshape(height, width))


def _stream(item: Any, key: str) -> Any:
    from pypdf.generic import StreamObject

    found = entry(item, key)
    return found if isinstance(found, StreamObject) else None
