"""Some of a data set's images as files: enough to scan, and to export an int8 model with."""

from __future__ import annotations

import shutil
from pathlib import Path

from export.parity import CALIBRATION_IMAGES, MIN_IMAGES
from trainer.data import DataError, Splits

TESTING = MIN_IMAGES  # for the int8 export's parity gate
TRAINING = 2 * CALIBRATION_IMAGES  # and for it to take its ranges from


def lay_out(splits: Splits, place: Path, test: int) -> Path:
    """Write `test` test images, and what the int8 export needs, to `place`, half of each class.

    Returns the test folder.
    """
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
    """Copy `count` files, as many from each folder in `source`, to `folder`.

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
