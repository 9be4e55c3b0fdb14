"""CIFAKE's images as a benchmark needs them: decoded, in memory, or as files laid out anew."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from export.parity import CALIBRATION_IMAGES, MIN_IMAGES, first_of_each
from scanner.images.decode import decode
from trainer.data.examples import DataError, Example, read_examples, split_examples

TESTING = MIN_IMAGES  # for the int8 export's parity gate
TRAINING = 2 * CALIBRATION_IMAGES  # and for it to take its ranges from


def read_test_split(data: Path) -> list[Example]:
    """All test images. Raises DataError."""
    return split_examples(read_examples(data)).test


def decoded(data: Path, count: int) -> tuple[list[Image.Image], NDArray[np.int64]]:
    """The first `count` test images as RGB, half of each class, and their labels (1 is fake).

    Raises DataError.
    """
    chosen = first_of_each(read_test_split(data), count // 2)
    return [decode(e.read()).rgb for e in chosen], np.array([e.label for e in chosen])


def thumbnails(data: Path, count: int) -> list[bytes]:
    """`count` distinct test images, encoded, of both classes. Raises DataError."""
    distinct = list({example.sha256: example for example in read_test_split(data)}.values())
    if len(distinct) < count:
        raise DataError(f"{data} has only {len(distinct)} distinct test images of {count}.")
    step = max(1, len(distinct) // count)
    return [example.read() for example in distinct[::step][:count]]


def lay_out_test_split(data: Path, place: Path) -> tuple[Path, Path, dict[str, Example]]:
    """Write the test split to `place` as an examiner would meet it: a folder and a zip of the same.

    Returns both, and the examples by their path within either. Raises DataError.
    """
    test = read_test_split(data)
    folder, archive = place / "test", place / "test.zip"
    with zipfile.ZipFile(archive, "w") as members:
        for example in test:
            path, content = folder / example.name, example.read()
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            members.writestr(example.name, content)
    return folder, archive, {example.name: example for example in test}


def lay_out_some(data: Path, place: Path, test: int) -> Path:
    """Write `test` test images, and what the int8 export needs, to `place`, half of each class.

    Returns the test folder. Raises DataError.
    """
    splits = split_examples(read_examples(data))
    wanted = (
        ("test", splits.test, max(test, TESTING)),
        ("train", splits.train, TRAINING),
        ("validation", splits.validation, 2),  # unused, but without it one is cut out of train
    )
    for split, examples, count in wanted:
        for label, name in enumerate(("REAL", "FAKE")):
            folder = place / split / name
            folder.mkdir(parents=True)
            for example in [e for e in examples if e.label == label][: count // 2]:
                (folder / Path(example.name).name).write_bytes(example.read())
    return place / "test"


def take(source: Path, count: int, folder: Path) -> Path:
    """Copy `count` files, as many from each folder in `source`, to `folder`, and return it.

    Raises DataError when there are too few.
    """
    for kind in sorted(source.iterdir()):
        for path in sorted(kind.iterdir())[: count // 2]:
            (folder / kind.name).mkdir(parents=True, exist_ok=True)
            shutil.copy(path, folder / kind.name)
    found = sum(path.is_file() for path in folder.rglob("*"))
    if found < count:
        raise DataError(f"the data hold {found} of the {count} test images that are needed.")
    return folder
