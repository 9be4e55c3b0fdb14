"""Labelled images decoded: augmented batches to train on, and the scanner's views to score."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path

import click
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from scanner.images.decode import decode, open_image
from scanner.preprocess import Preprocessing, view
from trainer.data.augment import random_crops, random_flips, random_squares, resized_crops
from trainer.data.degrade import degrade
from trainer.data.examples import DataError, Example, Splits, read_examples, split_examples
from trainer.device import moved
from trainer.recipe import Recipe

TEST_QUALITY = 40  # of the re-encoded test split: a strong but common compression


def load_images(data: Path, image_size: int, device: str, subset: int | None = None) -> Images:
    """The images in `data`, split; says what it leaves out. Raises DataError.

    subset: so many training images only (Splits.subset).
    """
    left_out: Counter[str] = Counter()
    examples = read_examples(data, left_out)
    splits = split_examples(examples)
    if left_out:
        kinds = ", ".join(f"{count:,} {suffix}" for suffix, count in left_out.most_common())
        said = f"files left out, being no images by their names: {left_out.total():,} ({kinds})"
        click.echo(said, err=True)
    repeated = sum(e.split == "validation" for e in examples) - len(splits.validation)
    if repeated > 0:
        said = f"validation images left out, being training images, too: {repeated:,}"
        click.echo(said, err=True)
    if subset is not None:
        splits = splits.subset(subset)
    return Images(splits, image_size, device)


class Images:
    """The splits ready for the runs that share them; the test split is decoded when asked for."""

    def __init__(self, splits: Splits, image_size: int, device: str) -> None:
        self.splits = splits
        self.image_size = image_size
        self.device = device
        self.train = ImageSet(splits.train, image_size, device)
        self.validation = ImageSet(splits.validation, image_size, device)

    @cached_property
    def test(self) -> ImageSet:
        return ImageSet(self.splits.test, self.image_size, self.device)

    @cached_property
    def test_jpeg(self) -> ImageSet:
        """The test split as it looks after someone saved it again as JPEG of TEST_QUALITY."""
        return ImageSet(self.splits.test, self.image_size, self.device, TEST_QUALITY)


class ImageSet:
    """Examples ready to train on or to score, whatever their sizes.

    Equal square images no larger than the backbone's input are decoded once and kept as uint8 on
    the training device, where cropping and flipping then happen in batches. Others are decoded
    again for each batch by a pool of threads (Pillow releases the interpreter while it decodes).
    With `jpeg_quality` every image is first saved as a JPEG of that quality.
    """

    def __init__(
        self,
        examples: Sequence[Example],
        image_size: int,
        device: str,
        jpeg_quality: int | None = None,
    ) -> None:
        self.examples = examples
        self.jpeg_quality = jpeg_quality
        self.labels = torch.tensor([e.label for e in examples], device=device)
        self.image_size = image_size
        self.device = device
        self._threads = ThreadPoolExecutor()
        self._pixels = self._decode_small()

    def __len__(self) -> int:
        return len(self.examples)

    @property
    def preprocessing(self) -> Preprocessing:
        """The view a model trained on these images needs: native size if small, else cropped."""
        if self._pixels is None:
            return Preprocessing(size=self.image_size)
        return Preprocessing(size=self._pixels.shape[1])

    def train_batch(self, indices: Tensor, recipe: Recipe) -> Tensor:
        """Augmented float32 pixels N×3×S×S, 0 to 255, for `Detector.score`."""
        flips = random_flips(len(indices))
        if self._pixels is not None:
            images = self._pixels[moved(indices, self.device)]
            images = degrade(images, recipe.jpeg_share, recipe.resize_share)
            sizes = torch.tensor(images.shape[1:3]).expand(len(indices), 2)
            return resized_crops(images, random_crops(recipe.crop, sizes), flips, recipe.image_size)
        decoded = list(self._threads.map(self._decode, indices.tolist()))
        sizes = torch.tensor([(image.height, image.width) for image in decoded])
        if recipe.crop == "shift":
            boxes = random_squares(sizes, recipe.image_size).tolist()
        else:
            boxes = random_crops(recipe.crop, sizes).tolist()
        side = (recipe.image_size, recipe.image_size)

        def crop(image: Image.Image, box: list[float]) -> NDArray[np.uint8]:
            top, left, height, width = box
            corners = (left, top, left + width, top + height)
            return np.asarray(image.resize(side, Image.Resampling.BILINEAR, box=corners))

        crops = np.stack(list(self._threads.map(crop, decoded, boxes)))
        images = torch.from_numpy(crops).to(self.device)
        images = degrade(images, recipe.jpeg_share, recipe.resize_share)
        pixels = images.permute(0, 3, 1, 2).float()
        mirrored = moved(flips, self.device)[:, None, None, None]
        return torch.where(mirrored, pixels.flip(3), pixels)

    def eval_batch(self, start: int, stop: int, preprocessing: Preprocessing) -> Tensor:
        """uint8 views of a range of examples, exactly as the scanner makes them.

        N×S×S×3 or, of several views of each, N×V×S×S×3.
        """
        if self._pixels is not None and tuple(self._pixels.shape[1:]) == preprocessing.shape:
            return self._pixels[start:stop]
        indices = range(start, min(stop, len(self)))
        views = self._threads.map(lambda i: view(self._decode(i), preprocessing), indices)
        return torch.from_numpy(np.stack(list(views))).to(self.device)

    def side_range(self) -> tuple[int, int]:
        """Shortest and longest side of any image, in pixels as stored."""
        if self._pixels is not None:
            return self._pixels.shape[1], self._pixels.shape[1]
        sides: list[int] = []
        for example in self.examples:
            with open_image(example.read()) as image:  # reads the header only
                sides.extend(image.size)
        return min(sides), max(sides)

    def _decode(self, index: int) -> Image.Image:
        example = self.examples[index]
        try:
            image = decode(example.read()).rgb
        except Exception as error:  # Pillow raises far more than OSError on broken files
            raise DataError(f"{example.name} cannot be decoded: {error}; remove it.") from error
        if self.jpeg_quality is None:
            return image
        stream = io.BytesIO()
        image.save(stream, "JPEG", quality=self.jpeg_quality)
        return decode(stream.getvalue()).rgb

    def _decode_small(self) -> Tensor | None:
        images: list[NDArray[np.uint8]] = []
        for index in range(len(self)):  # not in threads: images this small only wait for each other
            image = self._decode(index)
            square = image.width == image.height <= self.image_size
            if not square or (images and images[0].shape[0] != image.width):
                return None
            images.append(np.asarray(image))
        return torch.from_numpy(np.stack(images)).to(self.device)
