"""Protects: samples become the shades that their format says they are, or the row says it does not.

A picture judged as its negative, as a white sheet or on another's bytes has a verdict of nothing.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pytest
from PIL import Image

from scanner.images.decode import UnsupportedImage, decode
from scanner.limits import Limits
from scanner.record import Status
from scanner.workers.examine import examine
from tests.conftest import EVERY_SIZE, encoded
from tests.scanner.images.tiff_bytes import SHORT, Page, tiff

SIZE = (8, 4)
LEVELS = [8 * number for number in range(32)]  # of the 32 pixels, also in 4 bits and in one


def packed(samples: list[int], bits: int, order: str) -> bytes:
    """Rows of 8 samples, each of `bits` bits."""
    if bits > 12:
        return struct.pack(f"{order}{len(samples)}{'H' if bits == 16 else 'I'}", *samples)
    text = "".join(f"{sample:0{bits}b}" for sample in samples)
    return int(text, 2).to_bytes(len(text) // 8, "big")


def grey_tiff(bits: int, photometric: int, order: str = "<", **tags: Any) -> bytes:
    """The picture of LEVELS as far as `bits` can tell them; photometric 0 is its negative."""
    white = (1 << bits) - 1
    samples = [round(level * white / 255) for level in LEVELS]
    if photometric == 0:
        samples = [white - sample for sample in samples]
    own = {258: (SHORT, [bits]), 262: (SHORT, [photometric])}
    own |= {int(name[1:]): (SHORT, value) for name, value in tags.items()}
    return tiff(Page(SIZE, [packed(samples, bits, order)], own), order=order)


def grey(data: bytes) -> list[int]:
    rgb = np.asarray(decode(data).rgb)
    assert (rgb == rgb[..., :1]).all()
    return rgb[..., 0].ravel().tolist()


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("photometric", [0, 1])
@pytest.mark.parametrize("bits", [1, 2, 4, 8, 12, 16])
@pytest.mark.parametrize("planes", [1, 2])
def test_grey_of_every_depth_is_the_same_picture(
    bits: int, photometric: int, order: str, planes: int
) -> None:
    """A single plane is one, whether planes are said to lie apart or not."""
    steps = (1 << bits) - 1
    expected = [round(round(level * steps / 255) * 255 / steps) for level in LEVELS]
    assert grey(grey_tiff(bits, photometric, order, t284=[planes])) == expected


@pytest.mark.parametrize("bits", [8, 16])
def test_white_is_zero_where_nothing_else_is_said(bits: int) -> None:
    """As Pillow has it for 8 bits."""
    data = grey_tiff(bits, 0)
    entry = data.index(struct.pack("<2HI", 262, SHORT, 1))
    silent = bytearray(data)
    struct.pack_into("<H", silent, entry, 263)
    assert grey(bytes(silent)) == LEVELS


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "packbits"])
@pytest.mark.parametrize("orientation", [1, 3])
def test_a_compressed_negative_turned_round(compression: str, orientation: int) -> None:
    samples = np.array(LEVELS, np.uint16).reshape(4, 8) * 257
    image = Image.fromarray(65535 - samples)
    data = encoded(image, "TIFF", compression=compression, tiffinfo={274: orientation})
    entry = data.index(struct.pack("<2HI", 262, SHORT, 1)) + 8
    negative = data[:entry] + b"\0\0" + data[entry + 2 :]
    assert grey(negative) == LEVELS[:: 1 if orientation == 1 else -1]


def fits(bits: int) -> bytes:
    """A FITS picture of 8×4 samples."""
    cards = {"SIMPLE": "T", "BITPIX": bits, "NAXIS": 2, "NAXIS1": 8, "NAXIS2": 4}
    lines = [f"{key:8}= {value:>20}".ljust(80) for key, value in cards.items()]
    return "".join([*lines, "END"]).ljust(2880).encode() + bytes(2880)


def mcidas(sample_bytes: int) -> bytes:
    words = [0] * 64
    words[1], words[8], words[9], words[10], words[13], words[33] = 4, 4, 8, sample_bytes, 1, 256
    return struct.pack("!64i", *words) + bytes(32 * sample_bytes)


@pytest.mark.parametrize(
    ("data", "samples"),
    [
        (encoded(Image.new("F", SIZE), "TIFF"), "floating-point"),
        (encoded(Image.new("I", SIZE, 2**30), "TIFF"), "signed 32-bit integer"),
        (grey_tiff(32, 1), "32-bit integer"),
        (encoded(Image.new("I", SIZE, 300), "IM"), "32-bit integer"),
        (encoded(Image.new("I;16", SIZE, 300), "IM"), "16-bit IM"),
        (grey_tiff(16, 1, t339=[2]), "signed 16-bit integer"),
        (grey_tiff(16, 1, ">", t339=[2]), "signed 16-bit integer"),
        (grey_tiff(8, 1, t339=[2]), "signed 8-bit integer"),
        (fits(16), "16-bit FITS"),
        (fits(32), "32-bit integer"),
        (fits(-32), "floating-point"),
        (mcidas(2), "16-bit MCIDAS"),
        (mcidas(4), "32-bit integer"),
    ],
)
def test_what_has_no_defined_range_is_not_judged(data: bytes, samples: str) -> None:
    """It would be a white sheet, or a black one."""
    examined = examine(data, EVERY_SIZE, Limits())
    assert examined.status is Status.UNSUPPORTED
    assert examined.error == f"{samples} pixels have no defined brightness range"


def pgm(white: int, plain: bool) -> bytes:
    samples = [round(level * white / 255) for level in LEVELS]
    if plain:
        return f"P2 8 4 {white}\n{' '.join(map(str, samples))}\n".encode()
    return f"P5 8 4 {white}\n".encode() + struct.pack(f">{len(samples)}H", *samples)


@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize("white", [1023, 4095, 65535])
def test_a_pgm_says_what_is_white(white: int, plain: bool) -> None:
    assert grey(pgm(white, plain)) == LEVELS


def test_16_bits_of_jpeg_2000() -> None:
    samples = np.array(LEVELS * 32, np.uint16).reshape(32, 32) * 257
    data = encoded(Image.fromarray(samples), "JPEG2000", irreversible=False)
    assert grey(data) == LEVELS * 32


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bits_in_every_orientation(kind: str, orientation: int) -> None:
    levels = np.array(LEVELS, np.uint8).reshape(4, 8)
    exif = Image.Exif()
    exif[0x0112] = orientation
    deep = decode(encoded(Image.fromarray(levels.astype(np.uint16) * 257), kind, exif=exif)).rgb
    flat = decode(encoded(Image.fromarray(levels), kind, exif=exif)).rgb
    assert deep.size == flat.size
    assert deep.tobytes() == flat.tobytes()


def colour_tiff(mode: str, depth: int = 8, apart: bool = True, **tags: Any) -> bytes:
    photometric, planes = {"RGB": (2, 3), "LAB": (8, 3), "CMYK": (5, 4), "RGBA": (2, 4)}[mode]
    numbers = np.random.default_rng(0).integers(1, 256, (32, planes)) * (257 if depth == 16 else 1)
    kind = "<u2" if depth == 16 else "u1"
    strips = [plane.astype(kind).tobytes() for plane in (numbers.T if apart else [numbers])]
    own = {258: (SHORT, [depth] * planes), 262: (SHORT, [photometric]), 277: (SHORT, [planes]),
           284: (SHORT, [2 if apart else 1])}  # fmt: skip
    own |= {int(name[1:]): (SHORT, value) for name, value in tags.items()}
    return tiff(Page(SIZE, strips, own))


@pytest.mark.parametrize("mode", ["RGB", "CMYK", "RGBA"])
def test_planes_that_lie_apart_are_the_same_picture(mode: str) -> None:
    tags = {"t338": [2]} if mode == "RGBA" else {}
    apart, together = (decode(colour_tiff(mode, 8, lies, **tags)).rgb for lies in (True, False))
    assert apart.tobytes() == together.tobytes()


@pytest.mark.parametrize(("mode", "depth"), [("RGB", 16), ("RGBA", 16), ("LAB", 8)])
def test_planes_that_the_decoder_takes_for_others_are_not_judged(mode: str, depth: int) -> None:
    decode(colour_tiff(mode, depth, apart=False))
    with pytest.raises(UnsupportedImage, match="separate colour planes of this kind"):
        decode(colour_tiff(mode, depth))


def test_alpha_that_the_decoder_loses_is_not_judged() -> None:
    """All would be transparent, so white."""
    own = {258: (SHORT, [8, 8]), 277: (SHORT, [2]), 284: (SHORT, [2]), 338: (SHORT, [2])}
    packbits = {259: (SHORT, [32773])}
    plane = b"\x07" + bytes(range(8))
    data = tiff(Page((8, 1), [plane, plane], own | packbits))
    with pytest.raises(UnsupportedImage, match="separate colour planes of this kind"):
        decode(data)


@pytest.mark.parametrize("subsampling", [[2, 2], [2, 1], None])
def test_reduced_colour_is_not_taken_for_whole_pixels(subsampling: list[int] | None) -> None:
    """What lies behind the strip would become pixels; without the tag, colour is reduced."""
    own = {258: (SHORT, [8] * 3), 262: (SHORT, [6]), 277: (SHORT, [3])}
    own |= {530: (SHORT, subsampling)} if subsampling else {}
    data = tiff(Page(SIZE, [bytes(48)], own)) + bytes(100)
    with pytest.raises(UnsupportedImage, match="reduced resolution"):
        decode(data)


@pytest.mark.parametrize("data", [b"GRIB" + bytes(3) + b"\1" + bytes(99), b"BUFR" + bytes(99)])
def test_a_format_without_a_decoder_is_not_called_damaged(data: bytes) -> None:
    """Nor is anything said of samples that nobody has seen."""
    with pytest.raises(UnsupportedImage, match=r"imgscan does not open (GRIB|BUFR) files"):
        decode(data)
