"""Protects: batched cropping on the device gives what torchvision's transforms would give."""

import numpy as np
import torch
from PIL import Image
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import RandomResizedCrop
from torchvision.transforms.v2.functional import resized_crop

from trainer.data.augment import (
    SHIFT,
    cubic,
    filter_weights,
    random_crops,
    random_squares,
    resized_crops,
)


def torchvision_crop(image: torch.Tensor, box: list[int], size: int) -> torch.Tensor:
    chw = image.permute(2, 0, 1).float()
    return resized_crop(chw, *box, [size, size], InterpolationMode.BILINEAR, antialias=True)


def test_equals_torchvision_enlarging_and_shrinking() -> None:
    torch.manual_seed(1)
    images = torch.randint(0, 256, (24, 32, 32, 3), dtype=torch.uint8)
    boxes = random_crops("random_resized", torch.tensor([[32, 32]]).expand(24, 2))
    flips = torch.arange(24) % 2 == 0
    for size in (224, 24, 9):
        ours = resized_crops(images, boxes, flips, size)
        for image, box, flip, crop in zip(images, boxes.tolist(), flips, ours, strict=True):
            theirs = torchvision_crop(image, box, size)
            theirs = theirs.flip(2) if flip else theirs
            torch.testing.assert_close(crop, theirs, atol=0.02, rtol=0)


def test_boxes_follow_torchvisions_distribution() -> None:
    torch.manual_seed(2)
    ours = random_crops("random_resized", torch.tensor([[32, 48]]).expand(20_000, 2)).float()
    image = torch.zeros(3, 32, 48)
    params = [RandomResizedCrop(1).make_params([image]) for _ in range(4_000)]
    theirs = torch.tensor([[p["top"], p["left"], p["height"], p["width"]] for p in params]).float()
    assert (ours[:, :2] >= 0).all()
    assert (ours[:, 0] + ours[:, 2]).max() <= 32
    assert (ours[:, 1] + ours[:, 3]).max() <= 48
    torch.testing.assert_close(ours.mean(0), theirs.mean(0), atol=0.4, rtol=0)
    torch.testing.assert_close(ours.std(0), theirs.std(0), atol=0.4, rtol=0)


def test_shift_moves_the_image_and_mirrors_at_its_border() -> None:
    images = torch.arange(36, dtype=torch.uint8).reshape(1, 6, 6, 1).expand(1, 6, 6, 3)
    moved = resized_crops(images, torch.tensor([[-1, 2, 6, 6]]), torch.tensor([False]), 6)
    expected = images[0, [1, 0, 1, 2, 3, 4]][:, [2, 3, 4, 5, 4, 3]].permute(2, 0, 1).float()
    torch.testing.assert_close(moved[0], expected)


def test_squares_of_larger_images_lie_about_their_middles() -> None:
    """As the scanner's view of them does; a photograph is not pressed into a square."""
    torch.manual_seed(3)
    boxes = random_squares(torch.tensor([[300, 400]]).expand(2000, 2), 60)
    top, left, height, width = boxes.T
    assert torch.stack([height, width]).unique().tolist() == [300]
    assert top.unique().tolist() == [0]
    moves = (left - 50) / 5  # of 300 pixels, 5 become one
    assert sorted(set(moves.tolist())) == list(range(-SHIFT, SHIFT + 1))
    square = random_squares(torch.tensor([[40, 40]]).expand(20, 2), 32)
    assert (square == torch.tensor([0, 0, 40, 40])).all()


def test_the_cubic_filter_is_pillows() -> None:
    """Within what Pillow rounds between its two passes."""
    noise = np.random.default_rng(0).integers(100, 156, (60, 80, 3), dtype=np.uint8)
    cut = Image.fromarray(noise[20:60, 10:50])
    start, length = torch.tensor([20, 10]), torch.tensor([40, 40])
    for size in (28, 70):
        expected = np.asarray(cut.resize((size, size), Image.Resampling.BICUBIC)).astype(float)
        rows = filter_weights(start[:1], length[:1], size, 60, cubic)[0]
        columns = filter_weights(start[1:], length[1:], size, 80, cubic)[0]
        found = torch.einsum("ab,bcd,ec->aed", rows, torch.from_numpy(noise).float(), columns)
        assert np.abs(found.numpy() - expected).max() < 1.5
