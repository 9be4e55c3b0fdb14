"""Does a scan of many files need more memory, or more time a file, than one of few?

    python -m benchmarks.scale --quick

The evidence is made up: small files with bytes of their own, half in folders, half in zip and tar
archives. One in ten is an image, as on many a disk; the others are texts. Were all of them images,
scoring would take most of the time and hide what the scan's own machinery costs.
"""

from __future__ import annotations

import io
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

import click
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from PIL import Image

from benchmarks.shared.options import shared_option
from benchmarks.shared.process import scan
from benchmarks.shared.results import Row, command_line, write_part
from benchmarks.shared.rounds import Spread, alternate, ratios
from scanner.model import ModelFile, open_model
from trainer.command import Command

IMAGE_EVERY = 10
SIDE = 32  # pixels of an image, for which the model is made
FILES_A_FOLDER = 250
FILES_AN_ARCHIVE = 1_000
REPORTS = ("report.csv", "report.json")


@dataclass(frozen=True)
class Extent:
    """Rounds, and the files of the small and the large scan."""

    rounds: int
    small: int
    large: int


QUICK = Extent(rounds=2, small=2_000, large=20_000)
THOROUGH = Extent(rounds=2, small=20_000, large=200_000)


@click.command(cls=Command, context_settings={"show_default": True})
@shared_option("--model", "name")
@shared_option("--quick", help="A tenth of the files.")
@shared_option("--output", help="Folder for scale.json, .csv, .md and the plot.")
def main(name: str, quick: bool, output: Path) -> None:
    """Measure time and peak memory of a large scan against a small one, in turns."""
    extent = QUICK if quick else THOROUGH
    rows: list[Row] = []
    model = open_model(name)
    with tempfile.TemporaryDirectory() as place:
        for row in measure(model, extent, Path(place)):
            rows.append(row)
            click.echo(
                f"round {row['round']}: {row['files']:,} files, {row['seconds']:.1f} s, "
                f"{row['files_per_second']:,.0f} files/s, {row['peak_bytes'] / 1e6:,.0f} MB"
            )
    large_to_small = {
        figure: _large_to_small(rows, figure) for figure in ("files_per_second", "peak_bytes")
    }
    facts = {
        "command": command_line("scale", quick, [name]),
        "model": model.name,
        "one_image_in": IMAGE_EVERY,
        "large_to_small": {figure: asdict(ratio) for figure, ratio in large_to_small.items()},
    }
    measured = pd.DataFrame(rows)
    write_part(output, "scale", facts, rows, _table(measured, large_to_small))
    _plot(measured, output / "scale-speed.png")


def measure(model: ModelFile, extent: Extent, place: Path) -> Iterator[Row]:
    """One row a scan, `size` small or large."""
    sizes = {"small": extent.small, "large": extent.large}
    for size, files in sizes.items():
        make_evidence(place / size, files)
    ran: dict[str, Row] = {}

    def measured(size: str) -> float:
        ran[size] = _scan(place / size, sizes[size], model, place)
        return ran[size]["files_per_second"]

    candidates = {size: lambda size=size: measured(size) for size in sizes}
    for number, _ in enumerate(alternate(candidates, extent.rounds), 1):
        for size in sizes:
            yield {"size": size, "round": number} | ran[size]


def make_evidence(folder: Path, files: int) -> None:
    """Write `files` small distinct files to a new folder, half of them inside archives."""
    contents = enumerate(small_files(files))
    for number, (name, content) in islice(contents, files // 2):
        path = folder / "folders" / f"{number // FILES_A_FOLDER:04}" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    archives = folder / "archives"
    archives.mkdir(parents=True)
    members = (member for _, member in contents)
    for number in range(-(-(files - files // 2) // FILES_AN_ARCHIVE)):
        write = _write_tar if number % 2 else _write_zip
        write(archives / f"{number:04}", islice(members, FILES_AN_ARCHIVE))


def small_files(count: int) -> Iterator[tuple[str, bytes]]:
    """Names and contents; every IMAGE_EVERY-th is a PNG of noise, the others are texts."""
    random = np.random.default_rng(0)
    for number in range(count):
        if number % IMAGE_EVERY:
            yield f"{number:06}.txt", f"note {number} of a disk with many files\n".encode()
            continue
        pixels = random.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
        pixels[0, 0] = list(number.to_bytes(3, "big"))  # so that no two are the same
        stream = io.BytesIO()
        Image.fromarray(pixels).save(stream, "PNG")
        yield f"{number:06}.png", stream.getvalue()


def _write_zip(path: Path, members: Iterator[tuple[str, bytes]]) -> None:
    with zipfile.ZipFile(path.with_suffix(".zip"), "w") as archive:
        for name, content in members:
            archive.writestr(name, content)


def _write_tar(path: Path, members: Iterator[tuple[str, bytes]]) -> None:
    with tarfile.open(path.with_suffix(".tar"), "w") as archive:
        for name, content in members:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def _scan(evidence: Path, files: int, model: ModelFile, place: Path) -> Row:
    """One scan with a CSV and a JSON report."""
    reports = [place / name for name in REPORTS]
    ran = scan(evidence, reports, model.path, files=files)
    return {
        "files": files,
        "seconds": ran.seconds,
        "files_per_second": files / ran.seconds,
        "peak_bytes": ran.peak_bytes,
        **{f"{path.suffix[1:]}_bytes": path.stat().st_size for path in reports},
    }


def _large_to_small(rows: list[Row], figure: str) -> Spread:
    """The large scan's figure over the small one's, round by round."""
    rounds: dict[int, dict[str, float]] = {}
    for row in rows:
        rounds.setdefault(row["round"], {})[row["size"]] = row[figure]
    return ratios(list(rounds.values()), "large", "small")


def _table(measured: pd.DataFrame, large_to_small: dict[str, Spread]) -> list[dict[str, str]]:
    medians = measured.groupby("files").median(numeric_only=True)
    table = [
        {
            "files and rows": f"{files:,}",
            "seconds": f"{row['seconds']:,.1f}",
            "files/s": f"{row['files_per_second']:,.0f}",
            "peak memory, MB": f"{row['peak_bytes'] / 1e6:,.0f}",
            "CSV, MB": f"{row['csv_bytes'] / 1e6:,.1f}",
            "JSON, MB": f"{row['json_bytes'] / 1e6:,.1f}",
        }
        for files, row in medians.iterrows()
    ]
    ratio = dict.fromkeys(table[0], "") | {
        "files and rows": "large : small",
        "files/s": str(large_to_small["files_per_second"]),
        "peak memory, MB": str(large_to_small["peak_bytes"]),
    }
    return [*table, ratio]


def _plot(measured: pd.DataFrame, path: Path) -> None:
    """Files/s and peak memory of both sizes, each round a point on the median's bar."""
    figure = Figure(figsize=(8, 3.2), layout="constrained")
    panels = figure.subplots(1, 2)
    memory = measured["peak_bytes"] / 1e6
    labelled = measured.assign(
        size=measured["files"].map("{:,} files".format), memory=memory
    )  # in the order of the rows: small, then large
    for panel, column, label in zip(
        panels, ("files_per_second", "memory"), ("files/s", "peak memory, MB"), strict=True
    ):
        groups = labelled.groupby("size", sort=False)[column]
        bars = panel.bar(groups.median().index, groups.median(), width=0.5, color="lightsteelblue")
        panel.bar_label(bars, fmt="{:,.0f}", label_type="center")
        panel.scatter(labelled["size"], labelled[column], color="black", s=12, zorder=3)
        panel.set(ylabel=label)
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()
