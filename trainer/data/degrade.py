"""What happens to an image on its way through the world, for whole batches on the training device.

A detector that has met only one JPEG encoder learns that encoder. These round trips are cheap
enough to run on every batch; `jpeg` follows libjpeg closely, so that what a network learns here
holds for files.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from trainer.device import moved

ROUNDING = (0.25, 0.5)  # of halved chroma, left and right in turn
QUALITIES = (30, 95)  # of JPEG re-encoding, both ends included
SMALLEST = 0.5  # share of its side an image is shrunk to before it is enlarged again
LEVEL = 128.0  # the middle of the sample range, which is coded as zero
MCU = 16  # pixels: four luma blocks share one block of each halved chroma plane

# JFIF's conversion (ITU-R BT.601, full range).
TO_YCC = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))
TO_RGB = ((1.0, 0.0, 1.402), (1.0, -0.344136, -0.714136), (1.0, 1.772, 0.0))
# ITU-T T.81, annex K, tables K.1 and K.2, for quality 50.
LUMA = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
CHROMA = (
    (17, 18, 24, 47, 99, 99, 99, 99),
    (18, 21, 26, 66, 99, 99, 99, 99),
    (24, 26, 56, 99, 99, 99, 99, 99),
    (47, 66, 99, 99, 99, 99, 99, 99),
    *((99,) * 8,) * 4,
)


def degrade(images: Tensor, jpeg_share: float, resize_share: float) -> Tensor:
    """Shrink and enlarge a share of the images, then re-encode a share of them.

    images: N×H×W×3 uint8; the result is of the same shape and type. Shares are 0 to 1. Draws from
    torch's global generator; draws nothing for a share of 0.
    """
    if resize_share:
        chosen = moved(_choose(len(images), resize_share), images.device)
        factor = float(torch.empty(()).uniform_(SMALLEST, 1))
        images = images.index_copy(0, chosen, shrink(images[chosen], factor))
    if jpeg_share:
        chosen = _choose(len(images), jpeg_share)
        quality = torch.randint(QUALITIES[0], QUALITIES[1] + 1, (len(chosen),))
        chosen, quality = moved(chosen, images.device), moved(quality, images.device)
        images = images.index_copy(0, chosen, jpeg(images[chosen], quality))
    return images


def _choose(count: int, share: float) -> Tensor:
    """A fixed number of random places: a number that varies would make the CPU wait for a GPU."""
    return torch.randperm(count)[: round(share * count)]


def shrink(images: Tensor, factor: float) -> Tensor:
    """Shrink images to `factor` of their sides and enlarge them again, both antialiased bilinear.

    images: N×H×W×3 uint8, and so is the result.
    """
    height, width = images.shape[1:3]
    small = (max(1, round(height * factor)), max(1, round(width * factor)))
    pixels = images.permute(0, 3, 1, 2).float()
    for size in (small, (height, width)):
        pixels = F.interpolate(pixels, size, mode="bilinear", antialias=True)
    return _to_uint8(pixels)


def jpeg(images: Tensor, quality: Tensor) -> Tensor:
    """Encode and decode images as libjpeg does by default: YCbCr, chroma halved both ways.

    images: N×H×W×3 uint8, and so is the result. quality: N numbers, 1 to 100, on the same device.
    """
    height, width = images.shape[1:3]
    pixels = images.permute(0, 3, 1, 2).float()
    pixels = F.pad(pixels, (0, -width % MCU, 0, -height % MCU), mode="replicate")
    luma, chroma = _convert(TO_YCC, pixels).round().split([1, 2], dim=1)
    halved = F.avg_pool2d(chroma + LEVEL, 2)
    # libjpeg rounds 2×2 means down and up in turn, so that colours do not drift.
    bias = _constant(ROUNDING, images.device).repeat(halved.shape[-1] // 2)
    luma = _quantise(luma, LUMA, quality)
    chroma = _quantise((halved + bias).floor(), CHROMA, quality)
    # Enlarging with weights 3/4 and 1/4, libjpeg's "fancy upsampling", is bilinear resizing.
    chroma = F.interpolate(chroma, scale_factor=2, mode="bilinear").round() - LEVEL
    return _to_uint8(_convert(TO_RGB, torch.cat([luma, chroma], dim=1))[..., :height, :width])


@cache
def _constant(values: tuple[Any, ...], device: torch.device) -> Tensor:
    """A table on the device, copied there once: a copy makes the CPU wait for a GPU."""
    return torch.tensor(values, device=device)


def _convert(matrix: tuple[tuple[float, ...], ...], pixels: Tensor) -> Tensor:
    weights = _constant(matrix, pixels.device)
    return torch.einsum("dc,nchw->ndhw", weights, pixels)


def _quantise(plane: Tensor, table: tuple[tuple[int, ...], ...], quality: Tensor) -> Tensor:
    """N×C×H×W samples after the round trip through quantised 8×8 cosine transforms."""
    count, channels, height, width = plane.shape
    base = _constant(table, plane.device)
    scale = torch.where(quality < 50, 5000 // quality.clamp(min=1), 200 - 2 * quality)
    steps = ((base * scale[:, None, None] + 50) // 100).clamp(1, 255)[:, None, None, None].float()
    blocks = plane.reshape(count, channels, height // 8, 8, width // 8, 8).transpose(3, 4)
    cosines = _cosines(plane.device)
    # libjpeg's transform ends in whole eighths, and its halves are rounded away from zero.
    coefficients = (cosines @ (blocks - LEVEL) @ cosines.T * 8).round() / 8
    kept = coefficients.sign() * (coefficients.abs() / steps + 0.5).floor() * steps
    blocks = cosines.T @ kept @ cosines + LEVEL
    return blocks.transpose(3, 4).reshape(plane.shape).round().clamp(0, 255)


@cache
def _cosines(device: torch.device) -> Tensor:
    """The orthonormal 8-point cosine transform, 8×8."""
    frequency, position = torch.arange(8.0)[:, None], torch.arange(8.0)
    matrix = torch.cos((2 * position + 1) * frequency * math.pi / 16) / 2
    matrix[0] /= math.sqrt(2)
    return matrix.to(device)


def _to_uint8(pixels: Tensor) -> Tensor:
    return pixels.round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1)
