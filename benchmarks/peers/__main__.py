"""Is imgscan faster than what people score folders with today, and does it say the same?

    python -m benchmarks.peers --data data/cifake --quick

Everyone scores the same files in a process of its own, from its start to a CSV on disk, in rounds
that alternate: CIFAKE's thumbnails, and made-up photographs of 1 and 12 megapixels. Where the model
is the same, so are its weights, and the logits are compared.
"""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path
from typing import NamedTuple

import click

from benchmarks.peers.comparison import Comparison
from benchmarks.peers.contenders import Contender, contenders
from benchmarks.peers.plots import plot_speed
from benchmarks.peers.table import line_of, row_of
from benchmarks.shared.kinds import contents
from benchmarks.shared.options import shared_option
from benchmarks.shared.results import Row, command_line, write_part
from trainer.command import Command


class Size(NamedTuple):
    """files: for slow ones `few`."""

    files: int
    few: int
    rounds: int


QUICK = {"32 px": Size(1000, 12, 2), "1 megapixel": Size(24, 8, 2), "12 megapixels": Size(8, 8, 2)}
THOROUGH = {
    "32 px": Size(4000, 40, 3),
    "1 megapixel": Size(60, 8, 3),
    "12 megapixels": Size(24, 8, 3),
}


@click.command(cls=Command, context_settings={"show_default": True})
@shared_option("--data", help="CIFAKE, as for the trainer; images of its test split are scored.")
@click.option("--sahu65", default="sahu65", help="Its command, in an environment of its own.")
@shared_option("--quick", help="Fewer files and rounds: minutes on two cores.")
@shared_option("--output", help="Where the results go.")
def main(data: Path, sahu65: str, quick: bool, output: Path) -> None:
    """Measure imgscan against a DataLoader, timm, plain ONNX Runtime and sahu65 on the CPU."""
    rows: list[Row] = []
    rounds: dict[str, list[dict[str, float]]] = {}
    for kind, size in (QUICK if quick else THOROUGH).items():
        click.secho(f"{size.files:,} files of {kind}", bold=True)
        known = {row["contender"]: row["broken_files"] for row in rows if "broken_files" in row}
        with tempfile.TemporaryDirectory() as place:
            found, rounds[kind] = _compare(kind, size, data, sahu65, Path(place), known)
        rows += found
    facts = {"command": command_line("peers", quick, []), "unit": "files/s", "rounds": rounds}
    lines = [line_of(row) for row in rows if "not_measured" not in row]
    notes = [
        f"Not measured: {row['contender']}, {row['images']}: {row['not_measured']}"
        for row in rows
        if "not_measured" in row
    ]
    write_part(output, "peers", facts, rows, lines, notes)
    plot_speed(rows, output / "peers-speed.png")
    click.echo((output / "peers.md").read_text())


def _compare(
    kind: str, size: Size, data: Path, sahu65: str, place: Path, known: dict[str, str]
) -> tuple[list[Row], list[dict[str, float]]]:
    """A row for everyone, over files of one kind, and everyone's files/s in each round.

    known: by contender, what it does with broken files, where that was found out.
    """
    everyone = contenders(kind, place, sahu65)
    found = {who: this for who, this in everyone.items() if isinstance(this, Contender)}
    compared = Comparison(found, partial(contents, kind, data), place, size.files, size.few)
    measured = compared.measure(size.rounds)
    broken = known | compared.broken(known)
    missing = {who: why for who, why in everyone.items() if isinstance(why, str)}
    missing |= compared.failed
    rows: list[Row] = []
    for who in everyone:
        row: Row = {"images": kind, "contender": who}
        if who in missing:
            rows.append(row | {"not_measured": missing[who]})
        else:
            figures = row_of(who, compared, measured)
            rows.append(row | figures | {"broken_files": broken[who]})
    return rows, measured


if __name__ == "__main__":
    main()
