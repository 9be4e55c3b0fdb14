"""Does the map of a picture's evidence point at what was generated?

    python -m benchmarks.occlusion FOLDER

A half, a quarter or an eighth of a photograph is replaced by that part of a generated picture, both
scaled and saved alike, and the map asked where the evidence lies. Beside these stand photographs
with a part of another photograph, and pictures of one making, in which there is nothing to find.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import click
import numpy as np
import pandas as pd
from PIL import Image, ImageOps
from sklearn.metrics import roc_auc_score

from benchmarks.photographs.material import labelled
from benchmarks.shared.options import shared_option
from benchmarks.shared.process import scan
from benchmarks.shared.results import Row, command_line, write_part
from scanner.backends.backend import Backend
from scanner.backends.choose import open_backend
from scanner.images.decode import decode
from scanner.model import open_model
from scanner.occlusion import Region, covered, regions
from scanner.preprocess import Preprocessing, view
from scanner.record import Verdict
from trainer.command import Command
from trainer.data.examples import LABELS, DataError

NAME = "occlusion"
MODEL = "clip-vit-b16"
SIDE = 448  # pixels
QUALITY = 90
SEED = 7
DRAWS = 2000
Box = tuple[float, float, float, float]  # left, top, right and bottom, 0 to 1
PLACES: dict[str, Box] = {
    "left half": (0, 0, 0.5, 1),
    "right half": (0.5, 0, 1, 1),
    "upper half": (0, 0, 1, 0.5),
    "lower half": (0, 0.5, 1, 1),
    "upper left quarter": (0, 0, 0.5, 0.5),
    "upper right quarter": (0.5, 0, 1, 0.5),
    "lower left quarter": (0, 0.5, 0.5, 1),
    "lower right quarter": (0.5, 0.5, 1, 1),
    "upper left eighth": (0.1, 0.1, 0.45, 0.45),
    "upper right eighth": (0.55, 0.1, 0.9, 0.45),
    "lower left eighth": (0.1, 0.55, 0.45, 0.9),
    "lower right eighth": (0.55, 0.55, 0.9, 0.9),
}
SIZES = ("half", "quarter", "eighth")  # as the places are named
GENERATED, OTHER = "photographs with a generated part", "photographs with another one's part"
PHOTOGRAPHS, FAKES = "photographs alone", "generated pictures alone"


@dataclass(frozen=True)
class Made:
    """What a picture is made of: `part` lies at `place` in `whole`."""

    kind: str
    whole: Path
    part: Path | None = None
    place: str = ""

    def jpeg(self) -> bytes:
        picture = _square(self.whole)
        if self.part:
            left, top, right, bottom = (round(SIDE * side) for side in PLACES[self.place])
            box = (left, top, right, bottom)
            picture.paste(_square(self.part).crop(box), box)
        stream = io.BytesIO()
        picture.save(stream, "JPEG", quality=QUALITY)
        return stream.getvalue()


def _square(path: Path) -> Image.Image:
    return ImageOps.fit(decode(path.read_bytes()).rgb, (SIDE, SIDE), Image.Resampling.BICUBIC)


def pictures(folder: Path, first: int, composites: int, controls: int) -> Iterator[Made]:
    """No file serves in two composites. Raises DataError."""
    files = labelled(folder)
    reals, fakes = (_shuffled(folder / label, files) for label in LABELS)
    last = first + composites
    if len(fakes) < last or len(reals) < last + 2 * controls:
        raise DataError(
            f"{folder} holds {len(reals)} photographs and {len(fakes)} generated pictures in "
            f"folders named real and fake; name another, or ask for less than {last} composites "
            f"and {controls} controls."
        )
    places = list(PLACES)
    for number in range(first, last):
        place = places[number % len(places)]
        yield Made(GENERATED, reals[number], fakes[number], place)
    for number in range(controls):
        whole, part = reals[last + 2 * number : last + 2 * number + 2]
        yield Made(OTHER, whole, part, places[number % len(places)])
        yield Made(PHOTOGRAPHS, whole)
        yield Made(FAKES, fakes[first + number % composites])


def _shuffled(below: Path, files: Sequence[Path]) -> list[Path]:
    mine = [file for file in files if file.is_relative_to(below)]
    return [mine[n] for n in np.random.default_rng(SEED).permutation(len(mine))]


def mapped(backend: Backend, preprocessing: Preprocessing, jpeg: bytes) -> tuple[Region, ...]:
    """The map, as a scan makes it."""
    rgb = decode(jpeg).rgb
    seen = view(rgb, preprocessing)
    asked = np.concatenate([seen[None], covered(seen, preprocessing)])
    size = backend.batch_size
    batches = [asked[start : start + size] for start in range(0, len(asked), size)]
    logit, *logits = np.concatenate([backend.score(batch).logits for batch in batches])
    return regions(rgb.size, preprocessing, float(logit), np.array(logits))


def judged(made: Made, found: Sequence[Region]) -> Row:
    """What the map shows of a picture.

    auroc: how often a part that lies in the place weighs more than one outside of it; parts on the
    border count for neither. strongest: the largest weight; inside: the share of its part that lies
    in the place. chance: the share of the picture that does.
    """
    weights = np.array([region.weight for region in found])
    strongest = found[int(weights.argmax())]
    row: Row = {"kind": made.kind, "whole": made.whole.name, "strongest": strongest.weight}
    row |= {"weakest": float(weights.min()), "sum": round(float(weights.sum()), 3)}
    if made.part is None:
        return row
    place = PLACES[made.place]
    inside = np.array([_share(region[:4], place) for region in found])
    clear = (inside < 0.01) | (inside > 0.99)
    return row | {
        "part": made.part.name,
        "place": made.place,
        "auroc": round(float(roc_auc_score(inside[clear] > 0.5, weights[clear])), 4),
        "inside": round(_share(strongest[:4], place), 2),
        "chance": _share((0, 0, 1, 1), place),
    }


def _share(of: Box, place: Box) -> float:
    """The share of a rectangle that lies in another."""
    across = min(of[2], place[2]) - max(of[0], place[0])
    down = min(of[3], place[3]) - max(of[1], place[1])
    return max(0, across) * max(0, down) / ((of[2] - of[0]) * (of[3] - of[1]))


@click.command(cls=Command, context_settings={"show_default": True})
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@shared_option("--model", default=MODEL)
@click.option("--first", type=click.IntRange(min=0), default=0, help="Number of the first.")
@click.option("--composites", type=click.IntRange(min=1), default=144)
@click.option("--controls", type=click.IntRange(min=1), default=40, help="Of each kind.")
@shared_option("--output")
def main(
    folder: Path, model: str, first: int, composites: int, controls: int, output: Path
) -> None:
    """Ask of pictures made from those in FOLDER/real and FOLDER/fake where the evidence lies."""
    opened = open_model(model)
    backend = open_backend(opened, "cpu")
    chosen = list(pictures(folder, first, composites, controls))
    look = partial(mapped, backend, opened.card.preprocessing)
    with tempfile.TemporaryDirectory() as temporary:
        place, report = Path(temporary, "pictures"), Path(temporary, "report.csv")
        place.mkdir()
        for number, made in enumerate(chosen):
            (place / f"{number:04}.jpg").write_bytes(made.jpeg())
        scan(place, [report], model, "--device", "cpu", files=len(chosen))
        said = pd.read_csv(report).sort_values("path")[["logit", "verdict"]].to_dict("records")
        jpegs = (file.read_bytes() for file in sorted(place.iterdir()))
        with ThreadPoolExecutor(backend.streams) as threads:
            maps = list(threads.map(look, jpegs))
    rows = [
        judged(made, found) | {str(name): value for name, value in verdict.items()}
        for made, found, verdict in zip(chosen, maps, said, strict=True)
    ]
    options = f"{folder.name} --first {first} --composites {composites} --controls {controls}"
    command = command_line(NAME, False, [model], options)
    write_part(output, NAME, {"command": command}, rows, list(table(rows)))


def table(rows: Sequence[Row]) -> Iterator[dict[str, str]]:
    """A line a kind, and of the first one also by verdict and by size of the part."""
    frame = pd.DataFrame(rows)
    mixed = frame[frame["kind"] == GENERATED]
    parts = {GENERATED: mixed}
    parts |= {f"of these, called {it}": mixed[mixed["verdict"] == it] for it in Verdict}
    sizes = mixed["place"].str.split().str[-1]
    parts |= {f"of these, one {it} generated": mixed[sizes == it] for it in SIZES}
    parts |= {it: frame[frame["kind"] == it] for it in (OTHER, PHOTOGRAPHS, FAKES)}
    for name, mine in parts.items():
        if len(mine):
            low, middle, high = mine["strongest"].quantile([0.1, 0.5, 0.9])
            yield {
                "pictures": name,
                "": f"{len(mine)}",
                "AUROC of the part's weights": mean(mine["auroc"]),
                "strongest weight in the part": mean(mine["inside"]),
                "by chance": "" if mine["chance"].isna().all() else f"{mine['chance'].mean():.2f}",
                "strongest weight, median (10% to 90%)": f"{middle:.2f} ({low:.2f} to {high:.2f})",
            }


def mean(values: pd.Series) -> str:
    """With a 95% interval, from pictures drawn again; empty where there are none."""
    if values.isna().all():
        return ""
    draws = np.random.default_rng(SEED).choice(values.to_numpy(), (DRAWS, len(values)))
    low, high = np.percentile(draws.mean(axis=1), (2.5, 97.5))
    return f"{values.mean():.2f} ({low:.2f} to {high:.2f})"


if __name__ == "__main__":
    main()
