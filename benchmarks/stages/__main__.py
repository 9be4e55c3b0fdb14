"""Where does a scan's time go, and how close does it come to its ceilings?

    python -m benchmarks.stages --quick

Every stage alone and the whole command, report included, take turns on the same files: CIFAKE's
thumbnails and made-up photographs of 1 and 12 megapixels, as a folder and as a zip, each scanned
with default settings. What the command needs to start is measured on two files and taken off.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import click
import pandas as pd

from benchmarks.shared.options import shared_option
from benchmarks.shared.results import Row, command_line, write_part
from benchmarks.stages.measurements import QUICK, THOROUGH, measure
from benchmarks.stages.plots import plot_ceilings, plot_costs
from benchmarks.stages.table import spreads, table
from scanner.backends.backend import usable_cores
from scanner.scan import Request
from scanner.scan.scorers import open_scorers
from trainer.command import Command


@click.command(cls=Command, context_settings={"show_default": True})
@shared_option("--data", help="CIFAKE, as for the trainer; images of its test split are scanned.")
@shared_option("--quick", help="Fewer files and rounds: four minutes on two cores.")
@shared_option("--output", help="Folder for stages.json, .csv, .md and the plots.")
def main(data: Path, quick: bool, output: Path) -> None:
    """Measure every stage alone and the whole scan."""
    extents = QUICK if quick else THOROUGH
    rows: list[Row] = []
    scorers = open_scorers(Request(paths=(data,)), click.echo)
    with tempfile.TemporaryDirectory() as place:
        for row in measure(data, scorers, extents, Path(place)):
            rows.append(row)
            click.echo(_line(row))
    measured = pd.DataFrame(rows)
    facts = {
        "command": command_line("stages", quick, []),
        "providers": {scorer.model.name: scorer.backend.provider for scorer in scorers},
        "cores": usable_cores(),
        "load_average_at_the_end": os.getloadavg()[0],
        "share_of_tightest_ceiling": spreads(measured, "share_of_tightest_ceiling"),
        "share_of_folder": spreads(measured, "share_of_folder"),
    }
    write_part(output, "stages", facts, rows, table(measured))
    plot_costs(measured, output / "stages-costs.png")
    plot_ceilings(measured, output / "stages-ceilings.png")


def _line(row: Row) -> str:
    """What has just been measured, for the person who waits."""
    names = ("images", "container", "round", "stage", "files")
    what = ", ".join(f"{name} {row[name]}" for name in names if name in row)
    figures = ("cpu_ms_per_file", "files_per_second", "share_of_tightest_ceiling")
    return f"{what}: " + ", ".join(f"{name} {row[name]:.3g}" for name in figures if name in row)


if __name__ == "__main__":
    main()
