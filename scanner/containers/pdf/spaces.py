"""Colour spaces of a PDF (ISO 32000-2, 8.6), from values to sRGB.

Only those that a second renderer shows alike; MemberError is raised for all others. Device colours
are taken as every image's are, without a profile: grey and RGB as they are, inks as Pillow
multiplies them.
"""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from scanner.containers.pdf.entries import elements, entry, numbers
from scanner.containers.pdf.filters import unpacked
from scanner.containers.pdf.functions import MOST_INPUTS, Floats, function
from scanner.containers.pdf.refusal import unsupported

Bytes = npt.NDArray[np.uint8]
# What the document's resources say instead of a device space, by "/DefaultRGB" and its like.
Redefined = Mapping[str, Sequence[Any]]

DEVICE = {"/DeviceGray": 1, "/DeviceRGB": 3, "/DeviceCMYK": 4}
DEVICE_OF = {count: name for name, count in DEVICE.items()}
PROFILE_MODES = {"GRAY": (1, "L"), "RGB": (3, "RGB"), "CMYK": (4, "CMYK")}
MOST_REDEFINED = 16  # times, each of which is looked at for each image
LARGEST_PROFILE = 1 << 24
# How far, in levels of 255, calibrated colours may be from sRGB's to be taken as those of a device,
# as renderers do; a gamma of 2.2 in place of sRGB's curve is 8 off.
NEAR_DEVICE = 10
# Of the white D65, and from the XYZ under it to linear sRGB (IEC 61966-2-1).
D65 = np.array([0.9505, 1.0, 1.089])
TO_SRGB = np.array([
    [3.2406, -1.5372, -0.4986],
    [-0.9689, 1.8758, 0.0415],
    [0.0557, -0.2040, 1.0570],
])  # fmt: skip
BRADFORD = np.array([
    [0.8951, 0.2664, -0.1614],
    [-0.7502, 1.7135, 0.0367],
    [0.0389, -0.0685, 1.0296],
])  # fmt: skip


@dataclass(frozen=True)
class Space:
    """`ranges`: the lowest and highest value of each component; None for an index, which ends with
    the depth of the image. `paint`: from (count, components) float32 within those to (count, 3) of
    sRGB.
    """

    ranges: tuple[tuple[float, float], ...] | None
    paint: Callable[[Floats], Bytes]

    @property
    def components(self) -> int:
        return 1 if self.ranges is None else len(self.ranges)


def space(item: Any, redefined: Redefined) -> Space:
    """The colour space of an image."""
    name, item = _named(item)
    if name == "/Indexed":
        return _indexed(item, redefined)
    return _base(name, item, redefined)


def family(item: Any) -> str:
    """What a colour space is called."""
    return _named(item)[0]


def _named(item: Any) -> tuple[str, Any]:
    """Name and description of a colour space."""
    item = item.get_object()
    if isinstance(item, list):
        if not item:
            raise ValueError("a colour space has no name")
        return str(item[0].get_object()), item
    return str(item), [item]


def _base(name: str, item: Any, redefined: Redefined) -> Space:
    """One that an index may name colours of."""
    if name == "/Separation" or name == "/DeviceN":
        return _inks(name, item, redefined)
    return _alternate(name, item, redefined)


def _alternate(name: str, item: Any, redefined: Redefined) -> Space:
    """One that inks may be told in."""
    if name in DEVICE:
        others = redefined.get(name.replace("Device", "Default"), ())
        near = (_near_device(_alternate(*_named(it), {}), DEVICE[name]) for it in others)
        if len(others) > MOST_REDEFINED or not all(near):
            raise unsupported(f"the colours that the document means by {name[1:]}")
        return device(DEVICE[name])
    match name:
        case "/ICCBased":
            return _profiled(item[1].get_object())
        case "/CalGray" | "/CalRGB":
            return _calibrated(name, item[1].get_object())
        case "/Lab":
            return _lab(item[1].get_object())
    raise unsupported(f"colours of the space {name.removeprefix('/')[:40]}")


def device(components: int) -> Space:
    """DeviceGray, DeviceRGB or DeviceCMYK, 8.6.4."""
    paints: dict[int, Callable[[Floats], Bytes]]
    paints = {1: _paint_grey, 3: _levels, 4: partial(_paint_inks, to_rgb=_by_pillow)}
    return Space(((0, 1),) * components, paints[components])


def _levels(values: Floats) -> Bytes:
    if np.isnan(values).any():
        raise ValueError("a colour comes to no number")
    return np.rint(255 * np.clip(values, 0, 1)).astype(np.uint8)


def _paint_grey(values: Floats) -> Bytes:
    return np.repeat(_levels(values), 3, axis=1)


def _paint_inks(values: Floats, to_rgb: Callable[[str, bytes, int], bytes]) -> Bytes:
    mode = {1: "L", 3: "RGB", 4: "CMYK"}[values.shape[1]]
    rgb = to_rgb(mode, _levels(values).tobytes(), len(values))
    return np.frombuffer(rgb, np.uint8).reshape(-1, 3)


def _by_pillow(mode: str, data: bytes, count: int) -> bytes:
    from PIL import Image

    return Image.frombytes(mode, (count, 1), data).convert("RGB").tobytes()


def _profiled(profile: Any) -> Space:
    """8.6.5.5: by the ICC profile, or as its number of components says if that cannot be read."""
    from PIL import Image, ImageCms

    components = int(profile["/N"])
    if components not in DEVICE_OF:
        raise unsupported(f"colours of a profile with {components} components")
    if numbers(profile, "/Range", [0, 1] * components) != [0, 1] * components:
        raise unsupported("colours of a profile with a range of its own")
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(unpacked(profile, LARGEST_PROFILE)))
        expected, mode = PROFILE_MODES.get(source.profile.xcolor_space.strip(), (0, ""))
        if expected == components:
            target = ImageCms.createProfile("sRGB")
            transform = ImageCms.buildTransform(source, target, mode, "RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):
        if "/Alternate" in profile and family(profile["/Alternate"]) != DEVICE_OF[components]:
            raise unsupported("colours of a profile that cannot be read") from None
        return device(components)
    if expected != components:
        raise unsupported("colours of a profile for another number of components")

    def to_rgb(mode: str, data: bytes, count: int) -> bytes:
        return transform.apply(Image.frombytes(mode, (count, 1), data)).tobytes()

    return Space(((0, 1),) * components, partial(_paint_inks, to_rgb=to_rgb))


def _calibrated(name: str, item: Any) -> Space:
    """8.6.5.2 and 8.6.5.3: what is near sRGB, as a device's."""
    white = _white(item)
    components = 1 if name == "/CalGray" else 3
    if components == 1:
        gamma = np.array([float(entry(item, "/Gamma", 1))])
        matrix = white[None]
    else:
        gamma = np.array(numbers(item, "/Gamma", (1, 1, 1)))
        matrix = np.array(numbers(item, "/Matrix", (1, 0, 0, 0, 1, 0, 0, 0, 1))).reshape(3, 3)

    def paint(values: Floats) -> Bytes:
        return _from_xyz(values**gamma @ matrix, white)

    if not _near_device(Space(((0, 1),) * components, paint), components):
        raise unsupported(f"{name[1:]} colours that are not near sRGB")
    return device(components)


def _near_device(other: Space, components: int) -> bool:
    """Whether a space paints nearly what a device's of so many components would."""
    if other.components != components:
        return False
    steps = np.linspace(0, 1, 9)
    values = np.array(list(itertools.product(steps, repeat=components)), np.float32)
    apart = other.paint(values).astype(int) - device(components).paint(values)
    return bool(np.abs(apart).max() <= NEAR_DEVICE)


def _white(item: Any) -> npt.NDArray[np.float64]:
    white = numbers(item, "/WhitePoint")
    if len(white) != 3 or white[1] != 1 or min(white) <= 0:
        raise ValueError("a colour space has a white that is none")
    return np.array(white)


def _lab(item: Any) -> Space:
    """8.6.5.4, of the range that renderers take for granted."""
    white = _white(item)
    if numbers(item, "/Range", (-100, 100, -100, 100)) != [-128, 127, -128, 127]:
        raise unsupported("Lab colours of an unusual range")

    def paint(values: Floats) -> Bytes:
        middle = (values[:, 0] + 16) / 116
        shares = np.stack(
            [middle + values[:, 1] / 500, middle, middle - values[:, 2] / 200], axis=1
        )
        xyz = np.where(shares >= 6 / 29, shares**3, 108 / 841 * (shares - 4 / 29)) * white
        return _from_xyz(xyz, white)

    return Space(((0, 100), (-128, 127), (-128, 127)), paint)


def _from_xyz(xyz: npt.NDArray[np.floating[Any]], white: npt.NDArray[np.float64]) -> Bytes:
    """sRGB of (count, 3) under a white, which becomes its own."""
    cones = BRADFORD @ D65 / (BRADFORD @ white)
    adapted = np.linalg.inv(BRADFORD) @ np.diag(cones) @ BRADFORD
    linear = np.clip(xyz @ (TO_SRGB @ adapted).T, 0, 1)
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return _levels(encoded.astype(np.float32))


def _inks(name: str, item: Any, redefined: Redefined) -> Space:
    """8.6.6.4 and 8.6.6.5: by the function that tells how they look in the alternate space."""
    colourants = [item[1].get_object()] if name == "/Separation" else elements(item[1].get_object())
    if any(str(colourant) in ("/All", "/None") for colourant in colourants):
        raise unsupported("inks that are all or none")
    if len(colourants) > MOST_INPUTS:
        raise unsupported(f"the mixture of {len(colourants)} inks")
    alternate = _alternate(*_named(item[2]), redefined)
    assert alternate.ranges is not None
    low, high = np.array(alternate.ranges, np.float32).T
    tint = function(item[3], len(colourants), alternate.components)

    def paint(values: Floats) -> Bytes:
        return alternate.paint(np.clip(tint(values), low, high))

    return Space(((0, 1),) * len(colourants), paint)


def _indexed(item: Any, redefined: Redefined) -> Space:
    """8.6.6.3: by a table of colours of another space."""
    base = _base(*_named(item[1]), redefined)
    assert base.ranges is not None
    highest, table = int(item[2].get_object()), item[3].get_object()
    text = getattr(table, "original_bytes", None)
    data = unpacked(table, LARGEST_PROFILE) if text is None else text
    count = max(0, min(highest + 1, 256, len(data) // base.components))
    stored = np.frombuffer(data, np.uint8, count * base.components)
    stored = stored.reshape(count, base.components)
    low, high = np.array(base.ranges, np.float32).T
    palette = base.paint(low + stored.astype(np.float32) / 255 * (high - low))

    def paint(values: Floats) -> Bytes:
        index = np.rint(values[:, 0]).astype(np.intp)
        if not count or index.min() < 0 or index.max() >= count:
            raise ValueError("a pixel has a colour that the table lacks")
        return palette[index]

    return Space(None, paint)
