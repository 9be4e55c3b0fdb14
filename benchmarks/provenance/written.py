"""Writes the watermarks that scanner.provenance.watermark reads, as generators do."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from scanner.provenance.watermark import BLOCK, BYTES, LUMA, SCALE, SIDE, SWAPPED, Reading


def watermarked(rgb: NDArray[np.uint8], bits: Sequence[int], reading: Reading) -> NDArray[np.uint8]:
    """`rgb` with a message by the method `dwtDct`, which the reader's docstring describes.

    rgb: height x width x 3, 0 to 255, both sides multiples of 8. reading: what is handed to the
    encoder. OpenCV's formulas: U = 0.492 (B - Y), V = 0.877 (R - Y); of bytes each is rounded.
    """
    red, green, blue = np.moveaxis(rgb.astype(np.float32), 2, 0)
    if reading == SWAPPED:
        red, blue = blue, red
    luma = LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue
    raised = np.float32(reading[1] / 2)
    u, v = 0.492 * (blue - luma) + raised, 0.877 * (red - luma) + raised
    if reading == BYTES:
        luma, u, v = (np.clip(np.rint(plane), 0, 255) for plane in (luma, u, v))
    u = _marked(u, bits)
    if reading == BYTES:
        u = np.floor(np.clip(u, 0, 255))  # the library's array is of bytes, which cuts fractions
    u, v = u - raised, v - raised
    red, green, blue = luma + 1.14 * v, luma - 0.395 * u - 0.581 * v, luma + 2.032 * u
    colours = (blue, green, red) if reading == SWAPPED else (red, green, blue)
    return np.clip(np.rint(np.stack(colours, axis=2)), 0, 255).astype(np.uint8)


def _marked(u: NDArray[np.float32], bits: Sequence[int]) -> NDArray[np.float32]:
    height, width = u.shape
    quads = u.reshape(height // 2, 2, width // 2, 2)
    approximation = quads.sum(axis=(1, 3)) / 2
    rows, columns = height // SIDE, width // SIDE
    blocks = approximation.reshape(rows, BLOCK, columns, BLOCK).swapaxes(1, 2)
    flat = blocks.reshape(rows * columns, BLOCK * BLOCK)
    each = np.arange(len(flat))
    place = np.abs(flat[:, 1:]).argmax(axis=1) + 1
    old = flat[each, place]
    bit = np.asarray(bits, np.float32)[each % len(bits)]
    new = (np.abs(old) // SCALE + 0.25 + 0.5 * bit) * SCALE
    moved = np.zeros_like(flat)
    moved[each, place] = np.where(old < 0, -new, new) - old
    change = moved.reshape(rows, columns, BLOCK, BLOCK).swapaxes(1, 2).reshape(approximation.shape)
    # The library swaps horizontal and vertical details, which turns each four pixels over.
    turned = quads.swapaxes(1, 3) + change[:, None, :, None] / 2
    return turned.reshape(height, width)
