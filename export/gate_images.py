"""The images that the parity gates of an export are made on, whatever the user has.

1,000 labelled test images show logits, verdicts and F1. Fewer, or images without labels, show
logits and verdicts if there are 50, and so do the sample images that come with this package.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from export.parity import (
    MIN_IMAGES,
    TOLERANCES,
    Views,
    first_of_each,
    parity_images,
    read_views,
)
from export.precision import INT8_WEIGHTS
from scanner.preprocess import Preprocessing
from trainer.data.examples import (
    IMAGE_SUFFIXES,
    DataError,
    Example,
    read_examples,
    split_examples,
)

DEFAULT_DATA = Path("data/cifake")
SAMPLES = Path(__file__).parent / "samples"
# A fault that shows on one image in 16 is met by 50 of them 24 times in 25. The samples are 57.
FEWEST = 50
MOST_UNLABELLED = 2 * MIN_IMAGES  # as many as of labelled ones
TAKES = f"F1 NOT CHECKED: it takes {MIN_IMAGES:,} test images labelled real and fake, and"
# What cannot do without labels, and why.
NEEDS_LABELS = {
    "int8": "int8 takes its ranges from labelled training images",
    INT8_WEIGHTS: f"{INT8_WEIGHTS} has to show on labelled test images that it keeps F1",
}


def data_option(more: str = "") -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """--data, as gate_images takes it. more: what else it is for."""
    return click.option(
        "--data",
        type=click.Path(path_type=Path),
        help=f"Images for the parity gates, of labelled ones the test split{more}.  [default: "
        f"{DEFAULT_DATA.as_posix()}; where that is not there, imgscan's own sample images]",
    )


def gate_images(data: Path | None, preprocessing: Preprocessing, precision: str) -> Views:
    """Views for the gates of a file in `precision`, a key of TOLERANCES.

    data: None for DEFAULT_DATA, or for SAMPLES where that is not there. Raises DataError, also
    where there are fewer than FEWEST or `precision` needs labels that are not there.
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
        chosen = _unlabelled(data)
        if not chosen or list(data.glob("*.tar*")):  # which may be a damaged one of labelled images
            raise
    else:
        chosen = first_of_each(_test_images(examples), each)
    if len(chosen) < FEWEST:
        raise DataError(
            f"the parity gate takes {FEWEST} images at least, and {data} has {len(chosen)} for it; "
            f"add more, or take the samples that come with imgscan: --data {SAMPLES}."
        )
    images = read_views(chosen, preprocessing)
    if {example.label for example in chosen} != {0, 1}:
        return Views(images.views, None, f"{TAKES} these are not")
    if len(chosen) >= MIN_IMAGES:
        return images
    of_ours = " samples that come with imgscan" if data == SAMPLES else ""
    return Views(images.views, None, f"{TAKES} there are only {len(chosen):,}{of_ours}")


def _test_images(examples: list[Example]) -> list[Example]:
    """The test split; all images where they are too few to check F1 on a cut of them."""
    if named := [example for example in examples if example.split == "test"]:
        return named
    return split_examples(examples).test if len(examples) >= MIN_IMAGES else examples


def _unlabelled(folder: Path) -> list[Example]:
    """Images by their suffix, MOST_UNLABELLED at most, from all over the folder.

    As of one class, which cannot show F1 either.
    """
    found = sorted(p for p in folder.rglob("*") if p.suffix.lower() in IMAGE_SUFFIXES)
    chosen = found[:: -(-len(found) // MOST_UNLABELLED) or 1]
    return [Example(str(path), None, 0, path, sha256="") for path in chosen]
