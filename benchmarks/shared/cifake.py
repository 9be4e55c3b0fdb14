"""CIFAKE's images as a benchmark needs them: decoded, in memory, or as files laid out anew."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from export.parity import first_of_each
from scanner.images.decode import decode
from trainer.data.examples import DataError, Example, read_examples, split_examples


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
