"""Training crops and flips for whole batches on the device that trains.

A crop and its resize are two small matrix products an image, with the weights of an antialiased
bilinear filter, so a batch of different crops is one batched product. The results equal
torchvision's RandomResizedCrop and RandomHorizontalFlip within rounding.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from trainer.device import moved

Kernel = Callable[[Tensor], Tensor]  # a filter's weights, by distance in pixels

SCALE = (0.08, 1.0)  # share of the image's area, torchvision's default
RATIO = (3 / 4, 4 / 3)  # width over height, torchvision's default
SHIFT = 2  # pixels
ATTEMPTS = 10  # torchvision falls back to a centre crop after ten misses


def random_crops(crop: str, sizes: Tensor) -> Tensor:
    """Crop boxes for images of `sizes` (N×2 int64: height, width).

    Returns N×4 int64: top, left, height, width, for a recipe's `crop`. Draws from torch's global
    generator, which the training loop seeds before every step.
    """
    if crop == "shift":
        corner = torch.randint(-SHIFT, SHIFT + 1, (len(sizes), 2))
        return torch.cat([corner, sizes], dim=1)
    return _random_resized_crops(sizes)


def random_squares(sizes: Tensor, size: int) -> Tensor:
    """`shift` for images of any `sizes` (N×2 int64: height, width): squares about their middles.

    They are as large as an image holds and moved by up to SHIFT of the `size` pixels they become,
    as far as there is room. Returns N×4 float32: top, left, height, width.
    """
    side = sizes.min(dim=1, keepdim=True).values
    shift = torch.randint(-SHIFT, SHIFT + 1, (len(sizes), 2)) * side / size
    room = sizes - side
    corner = torch.minimum((room / 2 + shift).clamp(min=0), room)
    return torch.cat([corner, side.expand(-1, 2)], dim=1)


def _random_resized_crops(sizes: Tensor) -> Tensor:
    """torchvision's RandomResizedCrop.get_params, vectorised over images and attempts."""
    count = len(sizes)
    full_height, full_width = sizes[:, :1], sizes[:, 1:]
    area = full_height * full_width * torch.empty(count, ATTEMPTS).uniform_(*SCALE)
    log_ratio = torch.empty(count, ATTEMPTS).uniform_(math.log(RATIO[0]), math.log(RATIO[1]))
    ratio = torch.exp(log_ratio)
    width = torch.round(torch.sqrt(area * ratio)).long()
    height = torch.round(torch.sqrt(area / ratio)).long()
    fits = (width > 0) & (width <= full_width) & (height > 0) & (height <= full_height)
    first = fits.int().argmax(dim=1, keepdim=True)
    fallback_height, fallback_width = _centre_crop(sizes)
    found = fits.any(dim=1)
    height = torch.where(found, height.gather(1, first)[:, 0], fallback_height)
    width = torch.where(found, width.gather(1, first)[:, 0], fallback_width)
    room = sizes - torch.stack([height, width], dim=1)
    corner = (torch.rand(count, 2) * (room + 1)).long()
    corner = torch.where(found[:, None], corner, room // 2)
    return torch.stack([corner[:, 0], corner[:, 1], height, width], dim=1)


def _centre_crop(sizes: Tensor) -> tuple[Tensor, Tensor]:
    height, width = sizes[:, 0], sizes[:, 1]
    ratio = width / height
    crop_height = torch.where(ratio < RATIO[0], torch.round(width / RATIO[0]).long(), height)
    crop_width = torch.where(ratio > RATIO[1], torch.round(height * RATIO[1]).long(), width)
    return crop_height, crop_width


def random_flips(count: int) -> Tensor:
    """N booleans, true for the images to mirror."""
    return torch.rand(count) < 0.5


def resized_crops(images: Tensor, boxes: Tensor, flips: Tensor, size: int) -> Tensor:
    """Crop each image to its box, resize to `size` and mirror where `flips` is true.

    images: N×H×W×3 uint8. boxes: N×4 int64, may reach up to SHIFT pixels outside, where the image
    is mirrored. Returns N×3×size×size float32, 0 to 255, on the device of `images`.
    """
    pixels = images.permute(0, 3, 1, 2).float()
    extent = torch.tensor(pixels.shape[-2:])
    if ((boxes[:, :2] < 0) | (boxes[:, :2] + boxes[:, 2:] > extent)).any():
        pixels = F.pad(pixels, [SHIFT] * 4, mode="reflect")
        boxes = boxes + torch.tensor([SHIFT, SHIFT, 0, 0])
    height, width = pixels.shape[-2:]
    boxes, flips = moved(boxes, images.device), moved(flips, images.device)
    rows = filter_weights(boxes[:, 0], boxes[:, 2], size, height, linear)
    columns = filter_weights(boxes[:, 1], boxes[:, 3], size, width, linear)
    columns = torch.where(flips[:, None, None], columns.flip(1), columns)
    return rows[:, None] @ pixels @ columns[:, None].transpose(-1, -2)


def linear(distance: Tensor) -> Tensor:
    """The bilinear filter, by distance in pixels, 0 or more."""
    return (1 - distance).clamp(min=0)


def cubic(distance: Tensor) -> Tensor:
    """Pillow's bicubic filter, of slope -1/2 at a distance of 1 (Keys 1981)."""
    near = (1.5 * distance - 2.5) * distance**2 + 1
    far = -0.5 * (((distance - 5) * distance + 8) * distance - 4)
    return torch.where(distance < 1, near, torch.where(distance < 2, far, 0.0))


def filter_weights(start: Tensor, length: Tensor, size: int, extent: int, kernel: Kernel) -> Tensor:
    """Antialiased weights, N×size×extent, that resize [start, start+length) to `size`."""
    scale = (length / size)[:, None, None]
    centre = start[:, None, None] + (torch.arange(size, device=start.device)[:, None] + 0.5) * scale
    position = torch.arange(extent, device=start.device)
    distance = (position + 0.5 - centre).abs() / scale.clamp(min=1)
    begin = start[:, None, None]
    inside = (position >= begin) & (position < begin + length[:, None, None])
    weights = kernel(distance) * inside
    return weights / weights.sum(dim=2, keepdim=True)
