"""What becomes of verdicts on pictures of which too little is left, and what is told of them?

    python -m benchmarks.photographs.spoilt FOLDER

Pictures in folders real and fake are enlarged from few pixels, compressed, faded and made small,
and scanned. Beside the verdicts stands what the score alone would have said.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import click
import numpy as np
import pandas as pd
from PIL import Image

from benchmarks.photographs.material import labelled
from benchmarks.shared.options import shared_option
from benchmarks.shared.process import scan
from benchmarks.shared.results import Row, command_line, write_part
from scanner.images.decode import decode
from scanner.model import ModelCard, open_model
from scanner.model.verdict import verdicts
from scanner.record import Verdict
from trainer.command import Command
from trainer.data.examples import LABELS, DataError

NAME = "photographs-spoilt"
MODEL = "clip-vit-b16"
LONGEST = 1024  # pixels, of a picture before it is spoilt
SMALL = 400  # and of one that is then compressed at that size
GREY = (128, 128, 128)

Change = Callable[[Image.Image], Image.Image]


def scaled(picture: Image.Image, longest: int) -> Image.Image:
    factor = longest / max(picture.size)
    width, height = (max(1, round(factor * side)) for side in picture.size)
    return picture.resize((width, height), Image.Resampling.BICUBIC)


def enlarged(picture: Image.Image, pixels: int) -> Image.Image:
    """From a copy whose longer side has that many pixels."""
    return scaled(scaled(picture, pixels), LONGEST)


def compressed(picture: Image.Image, longest: int, quality: int) -> Image.Image:
    """As a JPEG of that quality and size."""
    stream = io.BytesIO()
    scaled(picture, longest).save(stream, "JPEG", quality=quality)
    return Image.open(stream).convert("RGB")


def faded(picture: Image.Image, left: float) -> Image.Image:
    """With that share of its contrast."""
    return Image.blend(Image.new("RGB", picture.size, GREY), picture, left)


def small(picture: Image.Image, shorter: int) -> Image.Image:
    """With that many pixels on its shorter side."""
    return scaled(picture, round(shorter * max(picture.size) / min(picture.size)))


CHANGES: dict[str, Change] = {
    f"{LONGEST} pixels": lambda picture: picture,
    **{f"enlarged from {n} pixels": partial(enlarged, pixels=n) for n in (48, 80, 128, 192)},
    **{
        f"JPEG quality {q} at {size} pixels": partial(compressed, longest=size, quality=q)
        for size in (LONGEST, SMALL)
        for q in (5, 10, 20)
    },
    "6% of its contrast": partial(faded, left=0.06),
    "shorter side 240 pixels": partial(small, shorter=240),
}


def spoil(files: list[Path], folder: Path, place: Path, change: Change) -> None:
    """Copies of the pictures, each changed, at the same paths below `place`, as PNG."""
    for file in files:
        target = place / file.relative_to(folder).with_name(f"{file.name}.png")
        target.parent.mkdir(parents=True, exist_ok=True)
        picture = scaled(decode(file.read_bytes()).rgb, LONGEST)
        change(picture).save(target, compress_level=1)


def figures(report: Path, card: ModelCard) -> Iterator[Row]:
    """A row a class: the verdicts, and those that the score alone would give."""
    rows = pd.read_csv(report)
    rows["label"] = rows["path"].str.split("/").str[0]
    calibrated = card.calibration.apply(rows["logit"].to_numpy(np.float32))
    rows["alone"] = verdicts(calibrated, card.operating_points[0])
    for label in LABELS:
        mine = rows[rows["label"] == label]
        row: Row = {"label": label, "pictures": len(mine)}
        for verdict in (Verdict.FAKE, Verdict.REAL):
            row[f"{verdict} by the score alone"] = int((mine["alone"] == verdict).sum())
            row[f"{verdict}"] = int((mine["verdict"] == verdict).sum())
        reasons = mine["reason"].dropna().str.split(":").str[0].value_counts()
        yield row | {"reasons": {str(reason): int(n) for reason, n in reasons.items()}}


@click.command(cls=Command, context_settings={"show_default": True})
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@shared_option("--model", default=MODEL)
@click.option("--each", type=click.IntRange(min=1), default=50, help="Pictures of each class.")
@shared_option("--output")
def main(folder: Path, model: str, each: int, output: Path) -> None:
    """Measure verdicts on spoilt copies of the pictures in FOLDER/real and FOLDER/fake."""
    card = open_model(model).card
    files = [file for label in LABELS for file in _some(folder, label, each)]
    if not files:
        raise DataError(
            f"{folder} holds no images of {LONGEST} pixels in folders named real and fake; name "
            "another."
        )
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as temporary:
        for number, (name, change) in enumerate(CHANGES.items()):
            place = Path(temporary) / str(number)
            spoil(files, folder, place, change)
            report = place.with_suffix(".csv")
            scan(place, [report], model)
            rows += [{"picture": name} | row for row in figures(report, card)]
    words = command_line("photographs.spoilt", False, [model], f"{folder.name} --each {each}")
    write_part(output, NAME, {"command": words}, rows, list(_table(rows)))


def _some(folder: Path, label: str, each: int) -> list[Path]:
    """Evenly chosen of those that need not be enlarged to LONGEST."""
    there = [file for file in labelled(folder) if file.relative_to(folder).parts[0] == label]
    large = [file for file in there if _longest(file) >= LONGEST]
    return large[:: max(1, len(large) // each)][:each]


def _longest(file: Path) -> int:
    try:
        return max(decode(file.read_bytes()).rgb.size)
    except Exception as error:  # decoders raise nearly anything on broken files
        raise DataError(f"{file} cannot be decoded: {error}.") from error


def _table(rows: list[Row]) -> Iterator[dict[str, str]]:
    """A line a change, with both classes."""
    for name in CHANGES:
        real, fake = (
            next(row for row in rows if (row["picture"], row["label"]) == (name, label))
            for label in ("real", "fake")
        )
        line = {"picture": name}
        for told, row, verdict in (
            ("photographs called fake", real, Verdict.FAKE),
            ("fakes called real", fake, Verdict.REAL),
            ("fakes called fake", fake, Verdict.FAKE),
        ):
            line |= {
                f"{told} by the score alone": f"{row[f'{verdict} by the score alone']}",
                told: f"{row[verdict.value]} of {row['pictures']}",
            }
        yield line


if __name__ == "__main__":
    main()
