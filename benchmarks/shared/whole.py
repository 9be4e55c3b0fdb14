"""The whole command on a piece of evidence, checked to have given every file its row."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import click

from benchmarks.shared.process import Ran, imgscan, run_measured
from scanner.exits import EXIT_UNEXAMINED
from scanner.record import Status


def scan(evidence: Path, files: int, reports: Sequence[Path], model: str, *options: object) -> Ran:
    """Scan `evidence`, start and reports included.

    reports: to write; the first is CSV. files: archives, which have rows of their own, are not
    among them. Raises click.ClickException when the scan does not finish or its rows are not as
    many as the `files`.
    """
    named = [part for report in reports for part in ("--report", report)]
    command = imgscan(evidence, *named, "--model", model, "--fresh", "--quiet", *options)
    ran = run_measured(command)
    if ran.returncode not in (0, EXIT_UNEXAMINED):
        raise click.ClickException(f"the scan of {evidence.name} failed: {ran.error.strip()}")
    rows = count_rows(reports[0])
    if rows != files:
        raise click.ClickException(
            f"the scan of {evidence.name} wrote {rows:,} rows for {files:,} files."
        )
    return ran


def count_rows(report: Path) -> int:
    """Rows of a CSV report but those of archives."""
    with report.open(newline="", encoding="utf-8") as stream:
        return sum(row["status"] != Status.CONTAINER for row in csv.DictReader(stream))
