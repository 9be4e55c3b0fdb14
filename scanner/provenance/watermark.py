"""The invisible watermarks that anyone may read: those that Stable Diffusion's own code writes.

Stable Diffusion, SDXL and FLUX as their makers publish them, and diffusers, write a fixed message
into the colours of each picture, by the method `dwtDct` of the library invisible-watermark
(github.com/ShieldMnt/invisible-watermark, imwatermark/maxDct.py). Of the colour difference U, the
sums of 2x2 pixels, halved, are taken in blocks of 4x4, that is of 8x8 pixels. In each block, in the
order of reading, the coefficient of largest size but for the first is moved to a quarter of SCALE
above a multiple of it for a 0, to three quarters for a 1. Block n bears bit n modulo the message's
length.

No key is needed, so anyone can write such a message too. A change of width, a cut at the left or
the top, and a turn lose it; so does most saving with losses that halves the colours' resolution.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from scanner.provenance.finding import Claim, Finding, Tag

if TYPE_CHECKING:
    from PIL import Image

SCALE = 36  # of U; the library leaves the other channels as they are
BLOCK = 4  # coefficients of a side
SIDE = 2 * BLOCK  # pixels
LEAST_PIXELS = 2**16  # the library writes into no smaller picture
MOST_PIXELS = 2**22  # 2048x2048, twice the side of what SDXL and FLUX are made for
READ_PIXELS = 2**20  # from the top; enough for SDXL's 1024x1024, and bounds the time
LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # OpenCV's Y of red, green and blue
HALVED_U = 0.492 / 2  # OpenCV's U is 0.492 (B - Y); Haar's approximation is half the sum of four

# What the encoder saw: 1 if it took red for blue, else 0; and what U is raised by, times two.
Reading = tuple[int, float]
BYTES: Reading = (0, 256.0)  # OpenCV raises U of bytes by 128
FLOATS: Reading = (0, 1.0)  # and of floating point by 0.5
SWAPPED: Reading = (1, 1.0)  # as diffusers did at first

CHANCE = 1e-6  # the largest odds that make a finding
TOLD = 1e-12  # smaller ones are told as this: texts are not quite drawn at random
ALIKE = 0.8  # of the bits at least: two English words agree in more than half of theirs


@dataclass(frozen=True)
class Message:
    """whose: who writes it. bits: 0 and 1, of the order in which they are written.

    claim: what it says of an image; some programs write it where they replace a part of one.
    """

    whose: str
    bits: tuple[int, ...]
    readings: tuple[Reading, ...] = (BYTES,)
    claim: Claim = Claim.AI


@dataclass(frozen=True)
class Match:
    """How well a message fits a picture. odds: of chance, 0 to 1, that any fits so well."""

    message: Message
    matching: int
    odds: float

    @property
    def is_beyond_chance(self) -> bool:
        return self.odds <= CHANCE and self.matching >= ALIKE * len(self.message.bits)


def _text(text: str) -> tuple[int, ...]:
    return tuple(np.unpackbits(np.frombuffer(text.encode(), np.uint8)).tolist())


def _number(number: int) -> tuple[int, ...]:
    """As Python's bin() spells it, by which they are written: without zeros that lead."""
    return tuple(int(digit) for digit in f"{number:b}")


MESSAGES = (
    # CompVis/stable-diffusion, scripts/txt2img.py
    Message("Stable Diffusion 1", _text("StableDiffusionV1")),
    # its fork by Runway, scripts/inpaint_st.py
    Message(
        "Stable Diffusion 1 inpainting", _text("StableDiffusionV1-Inpainting"), claim=Claim.EDITED
    ),
    # Stability-AI/stablediffusion, scripts/txt2img.py
    Message("Stable Diffusion 2", _text("SDV2")),
    # Stability-AI/generative-models, scripts/demo/streamlit_helpers.py, and huggingface/diffusers,
    # pipelines/stable_diffusion_xl/watermark.py
    Message(
        "Stable Diffusion XL",
        _number(0b101100111110110010010000011110111011000110011110),
        (FLOATS, SWAPPED),
    ),
    # black-forest-labs/flux, src/flux/util.py: 48 bits in the source, of which 46 are written
    Message("FLUX", _number(0b001010101111111010000111100111001111010100101110), (FLOATS,)),
    # Fantasy-Studio/Paint-by-Example, scripts/inference.py
    Message("Paint by Example", _text("Paint-by-Example"), claim=Claim.EDITED),
    # invoke-ai/InvokeAI, the default of the node that writes one
    Message("InvokeAI", _text("InvokeAI")),
)
TRIES = 2 * sum(len(message.readings) for message in MESSAGES)  # plain and sharpened


def findings(rgb: Image.Image, alpha: Image.Image | None = None) -> Iterator[Finding]:
    """Which known message a picture bears beyond chance.

    rgb: of mode RGB, neither turned nor scaled. alpha: not read. What has not a size that such
    generators write is not read, see `is_read`.
    """
    if not is_read(rgb.height, rgb.width):
        return
    top = rgb.crop((0, 0, rgb.width, min(rgb.height, READ_PIXELS // rgb.width + SIDE)))
    for match in matches(np.asarray(top)):
        if match.is_beyond_chance:
            length, tens = len(match.message.bits), math.floor(-math.log10(max(match.odds, TOLD)))
            value = (
                f"{match.message.whose}: {match.matching} of {length} bits match; "
                f"odds of chance 1 in 10^{tens}"
            )
            yield Finding("watermark", Tag.INFERRED, "dwt_dct", value, match.message.claim)


def is_read(height: int, width: int) -> bool:
    """Whether both sides are multiples of 8, by which latents are scaled, and the pixels in bounds.

    Of LEAST_PIXELS to MOST_PIXELS; the topmost READ_PIXELS of them are read.
    """
    return not (height % SIDE or width % SIDE) and LEAST_PIXELS <= height * width <= MOST_PIXELS


def matches(rgb: NDArray[np.uint8]) -> Iterator[Match]:
    """How well each of MESSAGES fits, by whichever of its readings fits best.

    rgb: height x width x 3, 0 to 255, both sides 8 or more.

    A bit's score is the share of its blocks that read 1. Pictures bias scores, flat ones to the
    same for all, so that a score counts against the others alone: as many bits as the message has
    ones, those of the highest scores, are read as 1. How many of them are ones of the message is
    then, for a message that has nothing to do with the picture, hypergeometric (Fisher's exact
    test): whatever the picture, of all messages with as many ones that share fits as well. Times
    TRIES, since each message is tried in several ways, that is `odds`. It is exact for messages
    that were drawn at random, as those of SDXL and FLUX were; that the texts fit photographs no
    more often is measured by benchmarks.provenance.watermark.
    """
    planes = _planes(rgb)
    looks = [[_extremes(plane) for plane in look] for look in (planes, _sharpened(planes))]
    votes = {
        (look, reading): _votes(*looks[look][reading[0]], np.float32(reading[1]))
        for look in range(len(looks))
        for reading in (BYTES, FLOATS, SWAPPED)
    }
    for message in MESSAGES:
        ones = sum(message.bits)
        common = max(
            _common(message.bits, ones, votes[look, reading])
            for look in range(len(looks))
            for reading in message.readings
        )
        odds = min(1.0, TRIES * _tail(len(message.bits), ones, common))
        yield Match(message, len(message.bits) - 2 * (ones - common), odds)


def _planes(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Haar's approximation of U, and of U with red for blue: 2 x rows x columns of whole blocks.

    Neither raised nor rounded: OpenCV rounds, by far less than the library moves a coefficient.
    """
    width = rgb.shape[1] // SIDE * SIDE
    height = min(rgb.shape[0], max(READ_PIXELS // max(width, 1), SIDE)) // SIDE * SIDE
    rows = rgb[:height:2, :width].astype(np.uint16) + rgb[1:height:2, :width]
    pairs = rows.reshape(height // 2, width // 2, 6)
    sums = [(pairs[..., n] + pairs[..., n + 3]).astype(np.float32) for n in range(3)]
    # Not by a product of matrices, for which NumPy's library wakes threads that workers share.
    return np.stack([_u(*sums), _u(*reversed(sums))])


def _u(
    red: NDArray[np.float32], green: NDArray[np.float32], blue: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Half of U."""
    weights = np.float32(HALVED_U) * (np.array([0, 0, 1], np.float32) - LUMA)
    return weights[0] * red + weights[1] * green + weights[2] * blue


def _sharpened(planes: NDArray[np.float32]) -> NDArray[np.float32]:
    """What lay in a JPEG whose colours are stored at half the resolution, before it was decoded.

    Decoders draw colours out smoothly: each pixel is 3/4 its own sample and 1/4 the next, in both
    directions. Two pixels together thus hold 1/8, 3/4 and 1/8 of three samples. -1/4, 3/2, -1/4
    undoes that exactly for what changes slowest and fastest.
    """
    for axis in (1, 2):
        quarter = np.moveaxis(0.25 * planes, axis, 0)
        planes = 1.5 * planes
        sharp = np.moveaxis(planes, axis, 0)
        sharp[:-1] -= quarter[1:]
        sharp[1:] -= quarter[:-1]
        sharp[0] -= quarter[0]  # past the edge lies what is at the edge
        sharp[-1] -= quarter[-1]
    return planes


Extremes = tuple[NDArray[np.float32], NDArray[np.float32]]


def _extremes(plane: NDArray[np.float32]) -> Extremes:
    """The largest and the smallest coefficient of each block but for its first, which bears no bit.

    plane: rows x columns of whole blocks.
    """
    rows = plane.reshape(-1, BLOCK, plane.shape[1])
    return _extreme(np.maximum, rows, -np.inf), _extreme(np.minimum, rows, np.inf)


def _extreme(of_two: np.ufunc, rows: NDArray[np.float32], least: float) -> NDArray[np.float32]:
    first = rows[:, 0].copy()
    first[:, ::BLOCK] = least
    # Two by two, which is faster than a reduction of so few.
    down = of_two(of_two(first, rows[:, 1]), of_two(rows[:, 2], rows[:, 3]))
    near, far = (
        of_two(down[:, ::BLOCK], down[:, 1::BLOCK]),
        of_two(down[:, 2::BLOCK], down[:, 3::BLOCK]),
    )
    found: NDArray[np.float32] = of_two(near, far)
    return found


def _votes(
    largest: NDArray[np.float32], smallest: NDArray[np.float32], raised: np.float32
) -> NDArray[np.bool_]:
    """The bit that each block reads as, in order, where all coefficients are raised by so much."""
    size = np.maximum(largest + raised, -(smallest + raised))
    return (size % SCALE > SCALE / 2).ravel()


def _common(bits: tuple[int, ...], ones: int, votes: NDArray[np.bool_]) -> int:
    """How many of the `ones` bits of the highest scores are ones of the message."""
    whole = len(votes) // len(bits) * len(bits)
    scores = votes[:whole].reshape(-1, len(bits)).sum(axis=0)
    highest = np.argsort(scores, kind="stable")[len(bits) - ones :]
    return int(np.array(bits)[highest].sum())


@lru_cache(maxsize=1024)
def _tail(length: int, ones: int, common: int) -> float:
    """The chance that two random choices of `ones` out of `length` share `common` or more."""
    ways = sum(
        math.comb(ones, shared) * math.comb(length - ones, ones - shared)
        for shared in range(common, ones + 1)
    )
    return ways / math.comb(length, ones)
