"""Protects: training's JPEG round trip is the one that files go through."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from tests.pictures import picture
from trainer.data.degrade import QUALITIES, degrade, jpeg, shrink


def pictures(count: int, width: int = 32, height: int = 32) -> Tensor:
    random = np.random.default_rng(41)
    found = [np.asarray(picture(random, n % 2 == 0, width, height)) for n in range(count)]
    return torch.from_numpy(np.stack(found))


def by_pillow(image: Tensor, quality: int) -> Tensor:
    stream = io.BytesIO()
    Image.fromarray(image.numpy()).save(stream, "JPEG", quality=quality)
    with Image.open(stream) as decoded:
        return torch.from_numpy(np.array(decoded.convert("RGB")))


@pytest.mark.parametrize("quality", [1, 10, 30, 40, 49, 50, 75, 95, 100])
@pytest.mark.parametrize(("width", "height"), [(32, 32), (48, 16), (35, 41)])
def test_jpeg_equals_pillows_within_rounding(quality: int, width: int, height: int) -> None:
    images = pictures(12, width, height)
    ours = jpeg(images, torch.full((12,), quality))
    assert ours.dtype == torch.uint8
    theirs = torch.stack([by_pillow(image, quality) for image in images])
    gap = (ours.int() - theirs.int()).abs().float()
    # What is left are coefficients on the verge between two steps; JPEG itself moves a pixel of
    # these pictures by 4 to 9 grey levels.
    assert gap.mean() < 0.35
    assert (gap > 2).float().mean() < 0.02


def test_every_image_has_its_own_quality() -> None:
    images = pictures(3)
    mixed = jpeg(images, torch.tensor([20, 50, 90]))
    for image, quality, expected in zip(images, (20, 50, 90), mixed, strict=True):
        assert torch.equal(jpeg(image[None], torch.tensor([quality]))[0], expected)


def test_flat_colours_survive() -> None:
    flat = torch.tensor([250, 100, 10], dtype=torch.uint8).expand(1, 32, 32, 3).contiguous()
    gap = (jpeg(flat, torch.tensor([95])).int() - flat.int()).abs()
    assert gap.max() <= 3


def test_shrinking_takes_detail_and_keeps_colour() -> None:
    images = pictures(8)
    blurred = shrink(images, 0.5).float()
    assert blurred.shape == images.shape
    assert blurred.var(dim=(1, 2)).mean() < images.float().var(dim=(1, 2)).mean()
    torch.testing.assert_close(blurred.mean(), images.float().mean(), atol=0.5, rtol=0)
    assert torch.equal(shrink(images, 1.0), images)


def test_shares_are_kept_and_follow_the_seed() -> None:
    images = pictures(40)

    def degraded(seed: int, jpeg_share: float, resize_share: float) -> Tensor:
        torch.manual_seed(seed)
        return degrade(images, jpeg_share, resize_share)

    def changed(other: Tensor) -> int:
        return int((other != images).flatten(1).any(dim=1).sum())

    assert changed(degraded(1, 0.25, 0)) == 10
    assert changed(degraded(1, 0, 0.5)) == 20
    assert torch.equal(degraded(2, 0.5, 0.5), degraded(2, 0.5, 0.5))
    assert not torch.equal(degraded(2, 0.5, 0.5), degraded(3, 0.5, 0.5))
    assert images.equal(degrade(images, 0, 0))


def test_nothing_is_drawn_where_nothing_is_done() -> None:
    """A recipe without degradations must stay the run it was."""
    torch.manual_seed(7)
    degrade(pictures(4), 0, 0)
    left = torch.rand(())
    torch.manual_seed(7)
    assert torch.equal(left, torch.rand(()))


def test_qualities_are_jpegs() -> None:
    assert 1 <= QUALITIES[0] < QUALITIES[1] <= 100


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")
def test_a_gpu_gives_the_same_round_trip() -> None:
    images, quality = pictures(12), torch.randint(30, 96, (12,))
    expected = jpeg(images, quality)
    found = jpeg(images.cuda(), quality.cuda()).cpu()
    assert ((found.int() - expected.int()).abs() > 2).float().mean() < 0.001
