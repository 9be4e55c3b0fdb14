"""Protects: images are scored as the scanner would score them, and trained on by the seed."""

from __future__ import annotations

import io
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from scanner.images.decode import decode
from scanner.preprocess import Preprocessing, view
from tests.pictures import write_pictures
from trainer.data.examples import DataError, Example, read_examples, split_examples
from trainer.data.images import Images, ImageSet
from trainer.recipe import RECIPES


@pytest.fixture(scope="module")
def ragged(tmp_path_factory: pytest.TempPathFactory) -> list[Example]:
    root = tmp_path_factory.mktemp("ragged")
    write_pictures(root, count=6, seed=14, sides=(30, 90))
    return read_examples(root)


def test_a_broken_image_is_named(named: Path, tmp_path: Path) -> None:
    shutil.copytree(named, tmp_path / "data")
    broken = tmp_path / "data/train/FAKE/0003.png"
    broken.write_bytes(broken.read_bytes()[:200])
    examples = read_examples(tmp_path / "data")
    with pytest.raises(DataError, match=r"train/FAKE/0003\.png cannot be decoded: .*; remove it"):
        ImageSet(examples, 32, "cpu")


def test_equal_small_squares_keep_their_native_size(named: Path) -> None:
    examples = read_examples(named)[:40]
    images = ImageSet(examples, 224, "cpu")
    assert images.preprocessing == Preprocessing(size=32)
    assert images.side_range() == (32, 32)
    views = images.eval_batch(8, 16, images.preprocessing)
    for found, example in zip(views, examples[8:16], strict=True):
        expected = view(decode(example.read()).rgb, images.preprocessing)
        np.testing.assert_array_equal(found.numpy(), expected)


def test_ragged_images_give_the_views_the_scanner_makes(ragged: list[Example]) -> None:
    images = ImageSet(ragged, 48, "cpu")
    assert images.preprocessing == Preprocessing(size=48)
    stored = [decode(example.read()) for example in ragged]
    sides = [side for image in stored for side in (image.width, image.height)]
    assert images.side_range() == (min(sides), max(sides))
    views = images.eval_batch(10, 99, images.preprocessing)
    assert views.dtype == torch.uint8
    assert len(views) == 2
    for found, image in zip(views, stored[10:], strict=True):
        np.testing.assert_array_equal(found.numpy(), view(image.rgb, images.preprocessing))


def test_a_uniform_set_follows_the_view_of_another_set(named: Path) -> None:
    """Validation may be uniform where training is ragged: the model's view is training's."""
    images = ImageSet(read_examples(named)[:3], 48, "cpu")
    assert images.eval_batch(0, 3, Preprocessing(size=48)).shape == (3, 48, 48, 3)


@pytest.mark.parametrize("native", [1, 4])
def test_several_views_are_those_the_scanner_makes(
    native: int, named: Path, ragged: list[Example]
) -> None:
    preprocessing = Preprocessing(32, native=native)
    for examples in (read_examples(named)[:3], ragged[:3]):
        found = ImageSet(examples, 32, "cpu").eval_batch(0, 3, preprocessing)
        expected = [view(decode(example.read()).rgb, preprocessing) for example in examples]
        np.testing.assert_array_equal(found.numpy(), np.stack(expected))


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("uniform", [True, False])
def test_training_batches_follow_the_seed(
    recipe: str, uniform: bool, named: Path, ragged: list[Example]
) -> None:
    settings = replace(RECIPES[recipe], image_size=40)
    images = ImageSet(read_examples(named)[:12] if uniform else ragged, 40, "cpu")
    chosen = torch.tensor([3, 0, 7])

    def batch(seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        return images.train_batch(chosen, settings)

    pixels = batch(1)
    assert pixels.shape == (3, 3, 40, 40)
    assert pixels.dtype == torch.float32
    assert pixels.min() >= 0
    assert pixels.max() <= 255.01
    assert torch.equal(pixels, batch(1))
    assert not torch.equal(pixels, batch(2))


@pytest.mark.parametrize("uniform", [True, False])
def test_training_pixels_are_the_image_in_rgb_order(uniform: bool, tmp_path: Path) -> None:
    for label in ("real", "fake"):
        (tmp_path / label).mkdir()
        Image.new("RGB", (32, 32 if uniform else 50), (250, 100, 10)).save(
            tmp_path / label / "flat.png"
        )
    images = ImageSet(read_examples(tmp_path), 32, "cpu")
    pixels = images.train_batch(torch.tensor([0, 1]), replace(RECIPES["paper"], image_size=32))
    expected = torch.tensor([250.0, 100, 10]).view(1, 3, 1, 1).expand_as(pixels)
    torch.testing.assert_close(pixels, expected, atol=1e-3, rtol=0)


def test_the_re_encoded_test_split_is_what_pillow_would_save(named: Path) -> None:
    splits = split_examples(read_examples(named))
    images = Images(splits, 32, "cpu")
    views = images.test_jpeg.eval_batch(0, 3, images.train.preprocessing)
    for found, example in zip(views, splits.test[:3], strict=True):
        stream = io.BytesIO()
        decode(example.read()).rgb.save(stream, "JPEG", quality=40)
        with Image.open(stream) as expected:
            np.testing.assert_array_equal(found.numpy(), np.asarray(expected))
    assert torch.equal(images.test_jpeg.labels, images.test.labels)
