"""Labelled images: found, hashed, split and decoded.

Understands a folder of `SPLIT/REAL|FAKE` or `real|fake` images, and tar archives of the same
layout (CIFAKE's four tar.xz files), which are read without unpacking them to disk.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import click
import numpy as np
import torch
from PIL import Image
from torch import Tensor

from scanner.preprocess import Preprocessing, decode, open_image, view
from trainer.augment import random_crops, random_flips, random_squares, resized_crops
from trainer.degrade import degrade
from trainer.device import moved

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from trainer.recipe import Recipe

LABELS = {"real": 0, "fake": 1}  # fake is the positive class
SPLITS = {
    "train": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
}
# What photographs and generated images come in, of all that `decode` reads.
IMAGE_SUFFIXES = {
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".jp2", ".j2k", ".jpx", ".heic", ".heif", ".hif"),
    *(".avif", ".png", ".apng", ".webp", ".gif", ".bmp", ".dib", ".tif", ".tiff", ".psd", ".tga"),
    ".ppm",
}
VALIDATION_SHARE = 0.1
TEST_QUALITY = 40  # of the re-encoded test split: a strong but common compression

WHERE_TO_GET_IT = (
    "CIFAKE is on Kaggle (birdy654/cifake-real-and-ai-generated-synthetic-images); unpack it to "
    "data/cifake, or name another folder with --data. Expected: SPLIT/REAL and SPLIT/FAKE folders "
    "(SPLIT is train, validation or test), or real and fake folders, or tar archives of these."
)


class DataError(Exception):
    """The training data is missing or malformed; the sentence says what is expected."""


@dataclass(frozen=True)
class Example:
    """One labelled image. `source` is its file, or its encoded bytes when it came from a tar."""

    name: str
    split: str | None
    label: int
    source: Path | bytes
    sha256: str

    def read(self) -> bytes:
        return self.source if isinstance(self.source, bytes) else self.source.read_bytes()


@dataclass(frozen=True)
class Splits:
    train: list[Example]
    validation: list[Example]
    test: list[Example]

    @property
    def test_deleaked(self) -> list[Example]:
        """The test images whose bytes are not in train and do not repeat within test."""
        seen = {example.sha256 for example in self.train + self.validation}
        unseen = []
        for example in self.test:
            if example.sha256 not in seen:
                seen.add(example.sha256)
                unseen.append(example)
        return unseen

    def subset(self, count: int) -> Splits:
        """`count` training images and a tenth and a fifth as many to validate and test on.

        Half of each class, chosen by content hash; all there are where there are fewer.
        """
        return Splits(
            _smallest_hashes(self.train, count),
            _smallest_hashes(self.validation, count // 10),
            _smallest_hashes(self.test, count // 5),
        )


def _smallest_hashes(examples: list[Example], count: int) -> list[Example]:
    ordered = sorted(examples, key=lambda example: example.sha256)
    of_each = [[e for e in ordered if e.label == label][: count // 2] for label in LABELS.values()]
    return of_each[0] + of_each[1]


def read_examples(root: Path, left_out: Counter[str] | None = None) -> list[Example]:
    """All labelled images under `root`, ordered by name.

    left_out: receives the suffixes of the files in labelled folders that are no images by name.
    Raises DataError.
    """
    left_out = Counter() if left_out is None else left_out
    if not root.is_dir():
        raise DataError(f"there is no data folder {root}. {WHERE_TO_GET_IT}")
    examples = list(_from_folder(root, left_out))
    for archive in sorted(root.glob("*.tar*")):
        try:
            examples.extend(_from_tar(archive, left_out))
        except (tarfile.TarError, EOFError, OSError) as error:
            raise DataError(f"{archive} is damaged: {error}.") from error
    if {example.label for example in examples} != {0, 1}:
        raise DataError(f"{root} holds no images of both classes. {WHERE_TO_GET_IT}")
    return sorted(examples, key=lambda example: example.name)


def _from_folder(root: Path, left_out: Counter[str]) -> Iterator[Example]:
    for path in root.rglob("*"):
        name = path.relative_to(root).as_posix()
        place = _place(name, left_out) if path.is_file() else None
        if place:
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            yield Example(name, *place, path, digest)


def _from_tar(archive: Path, left_out: Counter[str]) -> Iterator[Example]:
    with tarfile.open(archive, "r|*") as tar:
        for member in tar:
            place = None if member.isdir() else _place(member.name, left_out)
            stream = tar.extractfile(member) if place else None
            if place and stream:
                data = stream.read()
                yield Example(member.name, *place, data, hashlib.sha256(data).hexdigest())


def _place(name: str, left_out: Counter[str]) -> tuple[str | None, int] | None:
    """Split and label of a path like `train/FAKE/12 (3).jpg`; None when it is no example.

    One that only its suffix keeps from being an example is counted in `left_out`.
    """
    path = PurePosixPath(name.lower())
    folders = path.parts[:-1]
    labels = [LABELS[folder] for folder in folders if folder in LABELS]
    splits = [SPLITS[folder] for folder in folders if folder in SPLITS]
    if labels and path.suffix not in IMAGE_SUFFIXES:
        left_out[path.suffix or "no suffix"] += 1
        return None
    return (splits[-1] if splits else None, labels[-1]) if labels else None


def split_examples(examples: Sequence[Example]) -> Splits:
    """Keep the splits the data names; cut the missing ones out of the rest.

    Validation images that are also training images are dropped. The cut goes by content hash, so
    it is the same on every machine and identical bytes always stay on one side. Raises DataError
    when a split lacks a class.
    """
    named = {split: [e for e in examples if e.split == split] for split in set(SPLITS.values())}
    rest = [e for e in examples if e.split is None]
    whole, test, validation = named["train"] + rest, named["test"], named["validation"]
    train = whole
    if not test:
        train, test = _cut(train, salt="test")
    if not validation:
        train, validation = _cut(train, salt="validation")
    for name, split in (("train", train), ("validation", validation), ("test", test)):
        if {e.label for e in split} == {0, 1}:
            continue
        fakes = sum(e.label for e in whole)
        if split is not named[name] and 0 < fakes < len(whole):
            raise DataError(
                f"{len(whole) - fakes} real and {fakes} fake images are too few to split: the "
                f"{name} split has none of one class. Add images, or make folders of the splits "
                "(train, validation, test)."
            )
        raise DataError(f"the {name} split has no images of both classes. {WHERE_TO_GET_IT}")
    trained = {e.sha256 for e in train}
    splits = Splits(train, [e for e in validation if e.sha256 not in trained], test)
    for name, split in (("validation", splits.validation), ("test", splits.test_deleaked)):
        if {e.label for e in split} != {0, 1}:
            raise DataError(
                f"the {name} split has no images of both classes that are not also in the "
                "training data."
            )
    return splits


def _cut(examples: list[Example], salt: str) -> tuple[list[Example], list[Example]]:
    def chosen(example: Example) -> bool:
        digest = hashlib.sha256(f"{salt}:{example.sha256}".encode()).digest()
        return int.from_bytes(digest[:4], "big") < VALIDATION_SHARE * 2**32

    return [e for e in examples if not chosen(e)], [e for e in examples if chosen(e)]


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
        """uint8 views N×V×V×3 of a range of examples, exactly as the scanner makes them."""
        if self._pixels is not None and self._pixels.shape[1] == preprocessing.size:
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
