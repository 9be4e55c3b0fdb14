"""What a scan makes of folders of a system, which hold few pictures and thousands of other files.

    python -m benchmarks.carving.system /usr/lib /usr/share

Once with the search for pictures and once without. Nothing in a clean system is encrypted.
"""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path

import click
import pandas as pd

from benchmarks.shared.options import shared_option
from benchmarks.shared.process import run_measured
from benchmarks.shared.results import CIFAKE_MODEL, Row, write_part
from scanner.record import Status
from trainer.command import Command

CARVED = re.compile(r"!/carved-\d+\.\w+$")
REASONS = 30  # of the commonest, which the JSON names


@click.command(cls=Command, context_settings={"show_default": True})
@click.argument("folders", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@shared_option("--output", help="Folder for carving-system.json, .csv and .md.")
def main(folders: tuple[Path, ...], output: Path) -> None:
    """Count what becomes of files, and measure the time, with and without the search."""
    rows: list[Row] = []
    reasons: dict[str, dict[str, int]] = {}
    for option in ((), ("--no-carve",)):
        with tempfile.TemporaryDirectory() as place:
            report = Path(place) / "report.csv"
            options = (*option, "--model", CIFAKE_MODEL, "--report", report, "--quiet", "--fresh")
            words = (sys.executable, "-m", "scanner", *folders, *options)
            ran = run_measured([str(word) for word in words])
            found = pd.read_csv(report, keep_default_na=False)
        rows.append(_row("--no-carve" if option else "", found, ran.seconds, ran.returncode))
        unopened = found[found["status"].isin([Status.UNSUPPORTED, Status.ENCRYPTED])]
        reasons[option[0] if option else "carving"] = _reasons(unopened)
        click.echo(str(rows[-1]))
    names = " ".join(map(str, folders))
    facts = {"command": f"python -m benchmarks.carving.system {names}", "reasons": reasons}
    write_part(output, "carving-system", facts, rows, [_line(row) for row in rows])


def _row(option: str, found: pd.DataFrame, seconds: float, code: int) -> Row:
    files = found.drop_duplicates(["path", "position"])
    carved = files["path"].str.contains(CARVED)
    statuses = files[~carved]["status"].value_counts().to_dict()
    return {
        "option": option,
        "files": int((~carved).sum()),
        "carved": int(carved.sum()),
        "carved and scored": int((carved & (files["status"] == Status.SCORED)).sum()),
        **{status.value: int(statuses.get(status.value, 0)) for status in Status},
        "seconds": seconds,
        "exit code": code,
    }


def _reasons(rows: pd.DataFrame) -> dict[str, int]:
    counts = rows["error"].str.partition(";")[0].value_counts()
    return {str(reason): int(count) for reason, count in counts.head(REASONS).items()}


def _line(row: Row) -> dict[str, str]:
    files = row["files"]
    shares = {
        name: f"{row[name]:,} ({row[name] / files:.1%})"
        for name in ("scored", "not_image", "container", "unsupported", "encrypted", "unreadable")
    }
    return {
        "": row["option"] or "as it is",
        "files": f"{files:,}",
        **shares,
        "found inside": f"{row['carved']:,}, {row['carved and scored']:,} of them scored",
        "seconds": f"{row['seconds']:,.0f}",
    }


if __name__ == "__main__":
    main()
