"""Labelled images: found, hashed and split.

Understands a folder of `SPLIT/REAL|FAKE` or `real|fake` images, and tar archives of the same
layout (CIFAKE's four tar.xz files), which are read without unpacking them to disk.
"""

from __future__ import annotations

import hashlib
import tarfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from scanner.errors import ImgscanError

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

WHERE_TO_GET_IT = (
    "CIFAKE is on Kaggle (birdy654/cifake-real-and-ai-generated-synthetic-images); unpack it to "
    "data/cifake, or name another folder with --data. Expected: SPLIT/REAL and SPLIT/FAKE folders "
    "(SPLIT is train, validation or test), or real and fake folders, or tar archives of these."
)


class DataError(ImgscanError):
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
