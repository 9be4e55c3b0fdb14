"""How surely does the model for photographs tell them from fakes that it has not seen?

    python -m benchmarks.photographs runs/photographs --files data/repositories
    python -m benchmarks.photographs RUN --scan natural-dev --model without-its-sources.onnx

Two materials: the images that a training run scored while their source was left out, and a folder
of real and fake images that is scanned as a user would. Each as it is, as the web shows it, and as
it is passed on: scaled down and saved again.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import click
import pandas as pd

from benchmarks.photographs.material import (
    LEFT_OUT,
    OURS,
    SOME,
    by_sahu65,
    in_tiers,
    left_out,
    others,
    scanned,
    some_of,
)
from benchmarks.photographs.plots import draw_mistakes, plot_curves
from benchmarks.photographs.table import (
    by_reason,
    by_source,
    of_calibration,
    of_kinds,
    of_mistakes,
    rows_by_source,
    table,
)
from benchmarks.photographs.verdicts import by_kind, calibrated, mistakes, summed_up
from benchmarks.shared.options import shared_option
from benchmarks.shared.results import Row, command_line, write_part
from trainer.command import Command
from trainer.photographs.sources import files_by_hash
from trainer.photographs.tiers import AS_IT_IS, TIERS

NAME = "photographs"
MISTAKES = 24  # of each kind on the sheet
SAMPLE = 200  # about as many of the left-out images, for the peer


@click.command(cls=Command, context_settings={"show_default": True})
@click.argument("run", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option(
    "--scan",
    "folder",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder of images in folders real and fake, to be scanned.",
)
@shared_option("--model", help="What scans it; one whose training left its sources out.")
@click.option(
    "--manifest",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    default=Path("results/photographs/manifest.csv"),
    help="List of the left-out images, which names their files.",
)
@click.option("--sahu65", metavar="PYTHON", help="Interpreter of an environment with sahu65.")
@click.option(
    "--files",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder that has the whole images, for a sheet of the worst mistakes.",
)
@click.option(
    "--sheet", type=click.Path(path_type=Path, dir_okay=False), default=Path("mistakes.png")
)
@shared_option("--output")
def main(
    run: Path,
    folder: Path | None,
    model: str,
    manifest: Path,
    sahu65: str | None,
    files: Path | None,
    sheet: Path,
    output: Path,
) -> None:
    """Measure verdicts on photographs and fakes that the model has not seen."""
    frames = [left_out(run)]
    if folder is not None:
        with tempfile.TemporaryDirectory() as place:
            folders = in_tiers(folder, TIERS, Path(place))
            frames.append(scanned(folders, model, Path(place)))
            if sahu65 is not None:
                as_they_are = {AS_IT_IS: folders[AS_IT_IS]}
                frames.append(by_sahu65(as_they_are, sahu65, Path(place)))
    whole = {} if files is None else files_by_hash(files, set(frames[0]["image"]))
    if whole and sahu65 is not None:
        with tempfile.TemporaryDirectory() as place:
            sample = Path(place) / "sample"
            frames.append(some_of(frames[0], whole, SAMPLE, sample))
            frames.append(by_sahu65({AS_IT_IS: sample}, sahu65, Path(place), SOME))
    said = pd.concat(frames, ignore_index=True)
    rows = list(summed_up(said))
    of_sources = rows_by_source(rows, LEFT_OUT, OURS, AS_IT_IS)
    facts = _facts(run, folder, model)
    write_part(output, NAME, facts, rows, table(rows))
    write_part(output, f"{NAME}-sources", facts, of_sources, by_source(of_sources))
    materials = [row for row in rows if row["source"] == "all"]
    write_part(output, f"{NAME}-reasons", facts, materials, by_reason(rows))
    kinds = list(by_kind(others(run)))
    write_part(output, f"{NAME}-others", facts, kinds, of_kinds(kinds))
    ours = said[said["by"] == OURS]
    held = list(calibrated(ours))
    write_part(output, f"{NAME}-calibration", facts, held, of_calibration(held))
    mine = ours[ours["material"] == LEFT_OUT]
    listed = pd.read_csv(manifest, keep_default_na=False)
    wrong = list(mistakes(mine[mine["tier"] == AS_IT_IS], listed))
    write_part(output, f"{NAME}-mistakes", facts, wrong, of_mistakes(wrong))
    plot_curves(mine, output / f"{NAME}-curves.png")
    if files is not None:
        draw_mistakes(mine[mine["tier"] == AS_IT_IS], whole, MISTAKES, sheet)
        click.echo(f"{sheet}: the worst mistakes")


def _facts(run: Path, folder: Path | None, model: str) -> Row:
    """The command, and the model if one was used: only a folder is scanned with it."""
    if folder is None:
        return {"command": command_line(NAME, False, [], run.name)}
    command = command_line(NAME, False, [model], f"{run.name} --scan {folder.name}")
    return {"command": command, "model": Path(model).stem}


if __name__ == "__main__":
    main()
