"""Where does a scan's time go, and how close does it come to its ceilings?

    python -m benchmarks.stages --quick

Every stage alone and the whole command, start and report included, take turns on the same files:
CIFAKE's thumbnails and made-up photographs of 1 and 12 megapixels, as a folder and as a zip.
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
from benchmarks.stages.plots import plot_ceilings, plot_costs, plot_scaling
from benchmarks.stages.table import spreads, table
from scanner.backends.backend import usable_cores
from scanner.backends.choose import open_backend
from scanner.model import open_model
from trainer.command import Command


@click.command(cls=Command, context_settings={"show_default": True})
@shared_option("--data", help="CIFAKE, as for the trainer; images of its test split are scanned.")
@shared_option("--model", "name")
@shared_option("--quick", help="Fewer files and rounds: two minutes on two cores.")
@shared_option("--output", help="Folder for stages.json, .csv, .md and the plots.")
def main(data: Path, name: str, quick: bool, output: Path) -> None:
    """Measure every stage alone, the whole scan, and how it scales."""
    extent = QUICK if quick else THOROUGH
    rows: list[Row] = []
    model = open_model(name)
    provider = open_backend(model, "auto").provider
    with tempfile.TemporaryDirectory() as place:
        for row in measure(data, model, extent, Path(place)):
            rows.append(row)
            click.echo(_line(row))
    measured = pd.DataFrame(rows)
    facts = {
        "command": command_line("stages", quick, [name]),
        "model": model.name,
        "provider": provider,
        "cores": usable_cores(),
        "load_average_at_the_end": os.getloadavg()[0],
        "rounds": extent.rounds,
        "sample": extent.sample,
        "share_of_tightest_ceiling": spreads(measured, "share_of_tightest_ceiling"),
        "share_of_folder": spreads(measured, "share_of_folder"),
    }
    write_part(output, "stages", facts, rows, table(measured))
    plot_costs(measured, output / "stages-costs.png")
    plot_ceilings(measured, output / "stages-ceilings.png")
    plot_scaling(measured, output / "stages-scaling.png")


def _line(row: Row) -> str:
    """What has just been measured, for the person who waits."""
    names = ("images", "container", "round", "stage", "workers", "files")
    what = ", ".join(f"{name} {row[name]}" for name in names if name in row)
    figures = ("cpu_ms_per_file", "files_per_second", "share_of_tightest_ceiling")
    return f"{what}: " + ", ".join(f"{name} {row[name]:.3g}" for name in figures if name in row)


if __name__ == "__main__":
    main()
