"""What does a scan need of more files, larger pictures, more workers, or nested archives?

    python -m benchmarks.scale --quick
    python -m benchmarks.scale --part files --part "first row"

All evidence is made up: small files with bytes of their own, and photographs. Scans have default
settings; what the command needs to start is measured on two files and taken off.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import click
import pandas as pd

from benchmarks.scale.evidence import IMAGE_EVERY
from benchmarks.scale.measurements import PARTS, QUICK, THOROUGH
from benchmarks.scale.plots import plot
from benchmarks.scale.table import table
from benchmarks.shared.options import shared_option
from benchmarks.shared.results import Row, command_line, write_part
from trainer.command import Command


@click.command(cls=Command, context_settings={"show_default": True})
@click.option(
    "--part",
    "parts",
    multiple=True,
    type=click.Choice(list(PARTS)),
    default=list(PARTS),
    help="What to measure; the others' figures stay as they are in the results. May be repeated.",
)
@shared_option("--quick", help="Far fewer files, and fewer rounds.")
@shared_option("--output", help="Folder for scale.json, .csv, .md and the plot.")
def main(parts: tuple[str, ...], quick: bool, output: Path) -> None:
    """Measure how speed and memory grow, and how soon the first row is there."""
    extent = QUICK if quick else THOROUGH
    measured = {part: rows for part, rows in _earlier(output).items() if part not in parts}
    for part in parts:
        click.secho(part, bold=True)
        measured[part] = []
        with tempfile.TemporaryDirectory() as place:
            for row in PARTS[part](extent, Path(place)):
                measured[part].append({"part": part} | row)
                click.echo(", ".join(f"{name} {_figure(value)}" for name, value in row.items()))
        _write(output, quick, measured)  # at once, since a later part may fail


def _write(output: Path, quick: bool, measured: dict[str, list[Row]]) -> None:
    rows = [row for part in PARTS for row in measured.get(part, [])]
    facts = {"command": command_line("scale", quick, []), "one_image_in": IMAGE_EVERY}
    frame = pd.DataFrame(rows)
    write_part(output, "scale", facts, rows, table(frame))
    plot(frame, output / "scale-growth.png")


def _figure(value: object) -> str:
    return f"{value:,.4g}" if isinstance(value, float) else f"{value}"


def _earlier(output: Path) -> dict[str, list[Row]]:
    """The rows of an earlier run, by part."""
    path = output / "scale.json"
    found: dict[str, list[Row]] = {}
    for row in json.loads(path.read_text())["rows"] if path.is_file() else []:
        found.setdefault(row.get("part", ""), []).append(row)
    return found


if __name__ == "__main__":
    main()
