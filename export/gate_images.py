"""The images that the parity gates of an export are made on, whatever the user has.

1,000 labelled test images show logits, verdicts and F1. Fewer, or images without labels, show
logits and verdicts, and so do the sample images that come with this package.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from export.parity import (
    MIN_IMAGES,
    TOLERANCES,
    LabelledViews,
    UnlabelledViews,
    first_of_each,
    parity_images,
    read_views,
)
from export.precision import INT8_WEIGHTS
from scanner.preprocess import Preprocessing, decode, view
from trainer.data import IMAGE_SUFFIXES, DataError, Example, read_examples, split_examples

DEFAULT_DATA = Path("data/cifake")
SAMPLES = Path(__file__).parent / "samples"
MOST_UNLABELLED = 2 * MIN_IMAGES  # as many as of labelled ones
TAKES = f"F1 NOT CHECKED: it takes {MIN_IMAGES:,} test images labelled real and fake, and"
# What cannot do without labels, and why.
NEEDS_LABELS = {
    "int8": "int8 takes its ranges from labelled training images",
    INT8_WEIGHTS: f"{INT8_WEIGHTS} has to show on labelled test images that it keeps F1",
}


def gate_images(
    data: Path | None, preprocessing: Preprocessing, precision: str
) -> LabelledViews | UnlabelledViews:
    """Views for the gates of a file in `precision`, a key of TOLERANCES.

    data: None for DEFAULT_DATA, or for SAMPLES where that is not there. Raises DataError, also
    where `precision` needs labels that are not there.
    """
    each = TOLERANCES[precision].each
    if precision in NEEDS_LABELS:
        try:
            return parity_images(data or DEFAULT_DATA, preprocessing, each)
        except DataError as error:
            raise DataError(f"{NEEDS_LABELS[precision]}: {error}") from error
    if data is None:
        data = DEFAULT_DATA if DEFAULT_DATA.exists() else SAMPLES
    try:
        examples = read_examples(data)
    except DataError:
        found = _image_files(data)
        if not found or list(data.glob("*.tar*")):  # which may be a damaged one of labelled images
            raise
        return UnlabelledViews(_read_files(found, preprocessing), f"{TAKES} these are not")
    chosen = first_of_each(_test_images(examples), each)
    images = read_views(chosen, preprocessing)
    if {example.label for example in chosen} != {0, 1}:
        return UnlabelledViews(images.views, f"{TAKES} these are not")
    if len(chosen) >= MIN_IMAGES:
        return images
    of_ours = " samples that come with imgscan" if data == SAMPLES else ""
    return UnlabelledViews(images.views, f"{TAKES} there are only {len(chosen):,}{of_ours}")


def _test_images(examples: list[Example]) -> list[Example]:
    """The test split; all images where they are too few to cut one from."""
    if named := [example for example in examples if example.split == "test"]:
        return named
    try:
        return split_examples(examples).test
    except DataError:
        if len(examples) >= MIN_IMAGES:
            raise
        return examples


def _image_files(folder: Path) -> list[Path]:
    """Images by their suffix, MOST_UNLABELLED at most, from all over the folder."""
    found = sorted(p for p in folder.rglob("*") if p.suffix.lower() in IMAGE_SUFFIXES)
    return found[:: -(-len(found) // MOST_UNLABELLED) or 1]


def _read_files(paths: list[Path], preprocessing: Preprocessing) -> NDArray[np.uint8]:
    def read(path: Path) -> NDArray[np.uint8]:
        try:
            return view(decode(path.read_bytes()).rgb, preprocessing)
        except Exception as error:  # Pillow raises far more than OSError on broken files
            raise DataError(f"{path} cannot be decoded: {error}; remove it.") from error

    with ThreadPoolExecutor() as threads:
        return np.stack(list(threads.map(read, paths)))
