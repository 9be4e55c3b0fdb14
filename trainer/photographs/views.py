"""Small copies of all pictures on the device that trains, and views of them, made anew each time.

What becomes of a picture on its way (`tiers.augmented`) happens here to whole batches at the scale
that the network sees: cut, mirrored, blurred, noisy, and saved again by JPEG at several sizes.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from trainer.data.augment import cubic, filter_weights
from trainer.data.degrade import jpeg
from trainer.data.examples import DataError
from trainer.device import moved
from trainer.photographs.clip import SIDE
from trainer.photographs.small import LONGER_SIDE, SHORTER_SIDE, read_small
from trainer.photographs.sources import Photograph

SMALLEST_CUT = 192  # pixels of SHORTER_SIDE; a smaller one would be enlarged much for the view
# Sides in pixels that the shares of a batch are saved at, before they are scaled to the view; None
# is not saved again. A large picture's JPEG leaves hardly a trace in the view.
SAVED_AT = (None, SHORTER_SIDE, 352, 448)
QUALITIES = (40, 97)
SELDOM = 0.2  # shares of blurred and of noisy views
BLURS = (0.3, 1.0)  # standard deviation, pixels
NOISES = (1.0, 8.0)  # standard deviation, of values from 0 to 255
CHUNK = 16  # images that a process is handed at once


class Pictures:
    """Small pictures as one tensor; upright ones lie on their sides, and shorter ones end in zeros.

    Pictures are named by their places in the sequence that they were made of.
    """

    def __init__(self, photographs: Sequence[Photograph], device: str) -> None:
        """Raises DataError for a broken image."""
        pixels = np.zeros((len(photographs), SHORTER_SIDE, LONGER_SIDE, 3), np.uint8)
        lengths, upright = [], []
        with multiprocessing.get_context("spawn").Pool() as pool:
            found = pool.imap(read_small, photographs, CHUNK)
            bar = tqdm(found, total=len(photographs), unit="image", disable=None)
            for kept, (picture, trouble) in zip(pixels, bar, strict=True):
                if picture is None:
                    raise DataError(trouble)
                lying = _lying(picture)
                kept[:, : lying.shape[1]] = lying
                lengths.append(lying.shape[1])
                upright.append(picture.height > picture.width)
        self.device = device
        self._lengths = torch.tensor(lengths)
        self._upright = torch.tensor(upright)
        self._pixels = torch.from_numpy(pixels).to(device)

    def as_they_are(self, chosen: Tensor) -> Tensor:
        """Their middles, uint8 N×224×224×3. chosen: int64 N, on the CPU."""
        sides = torch.full((len(chosen),), SHORTER_SIDE)
        left = (self._lengths[chosen] - SHORTER_SIDE) // 2
        boxes = torch.stack([torch.zeros_like(left), left, sides, sides], dim=1)
        cuts = self._cuts(chosen, boxes, torch.zeros(len(chosen), dtype=torch.bool), SIDE)
        return _to_uint8(cuts)

    def augmented(self, chosen: Tensor) -> Tensor:
        """Random views of them, uint8 N×224×224×3. chosen: int64 N, on the CPU.

        Draws from torch's global generators, the CPU's and the device's.
        """
        count = len(chosen)
        side = torch.randint(SMALLEST_CUT, SHORTER_SIDE + 1, (count,))
        room = torch.stack([SHORTER_SIDE - side, self._lengths[chosen] - side], dim=1)
        corner = (torch.rand(count, 2) * (room + 1)).long()
        boxes = torch.cat([corner, side[:, None], side[:, None]], dim=1)
        mirrored = torch.rand(count) < 0.5
        views = []
        for size, part in zip(SAVED_AT, torch.arange(count).chunk(len(SAVED_AT)), strict=False):
            cuts = self._cuts(chosen[part], boxes[part], mirrored[part], size or SIDE)
            views.append(_to_uint8(_worn(cuts)) if size is None else _saved_again(_worn(cuts)))
        return torch.cat(views)

    def _cuts(self, chosen: Tensor, boxes: Tensor, mirrored: Tensor, size: int) -> Tensor:
        """Float32 N×3×size×size, of boxes N×4: top, left, height and width as the pictures lie."""
        boxes, flips = moved(boxes, self.device), moved(mirrored, self.device)
        upright = moved(self._upright[chosen], self.device)[:, None, None, None]
        pixels = self._pixels[moved(chosen, self.device)].permute(0, 3, 1, 2).float()
        rows = filter_weights(boxes[:, 0], boxes[:, 2], size, SHORTER_SIDE, cubic)
        columns = filter_weights(boxes[:, 1], boxes[:, 3], size, LONGER_SIDE, cubic)
        cuts = rows[:, None] @ pixels @ columns[:, None].transpose(-1, -2)
        cuts = torch.where(upright, cuts.transpose(2, 3), cuts)
        return torch.where(flips[:, None, None, None], cuts.flip(3), cuts)


def _lying(picture: Image.Image) -> NDArray[np.uint8]:
    pixels = np.asarray(picture)
    return pixels.transpose(1, 0, 2) if picture.height > picture.width else pixels


def _worn(pixels: Tensor) -> Tensor:
    """A share of the views blurred, then a share of them noisy; float32 N×3×S×S."""
    few = round(SELDOM * len(pixels))
    chosen = moved(torch.randperm(len(pixels))[:few], pixels.device)
    pixels = pixels.index_copy(0, chosen, _blurred(pixels[chosen]))
    chosen = moved(torch.randperm(len(pixels))[:few], pixels.device)
    strength = moved(torch.empty(few, 1, 1, 1).uniform_(*NOISES), pixels.device)
    seen = pixels[chosen]
    return pixels.index_copy(0, chosen, seen + strength * torch.randn_like(seen))


def _blurred(pixels: Tensor) -> Tensor:
    count, side = len(pixels), pixels.shape[-1]
    deviation = moved(torch.empty(count, 1, 1).uniform_(*BLURS), pixels.device)
    place = torch.arange(side, device=pixels.device)
    weights = torch.exp(-(((place - place[:, None]) / deviation) ** 2) / 2)
    weights = (weights / weights.sum(dim=2, keepdim=True))[:, None]
    return weights @ pixels @ weights.transpose(-1, -2)


def _saved_again(pixels: Tensor) -> Tensor:
    """Through JPEG, and scaled to the view."""
    quality = torch.randint(QUALITIES[0], QUALITIES[1] + 1, (len(pixels),))
    saved = jpeg(_to_uint8(pixels), moved(quality, pixels.device)).permute(0, 3, 1, 2).float()
    return _to_uint8(F.interpolate(saved, (SIDE, SIDE), mode="bicubic", antialias=True))


def _to_uint8(pixels: Tensor) -> Tensor:
    return pixels.round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1)
