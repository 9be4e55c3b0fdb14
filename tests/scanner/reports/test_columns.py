"""Protects: every column of a report is explained, by the command as well."""

from __future__ import annotations

from click.testing import CliRunner

from scanner.cli.main import main
from scanner.record import columns
from scanner.reports.columns import reference


def test_a_row_for_each_column() -> None:
    rows = [line.split("|") for line in reference().splitlines()]
    assert all(len(row) == 5 for row in rows)
    assert [row[1].strip(" `") for row in rows[2:]] == [column.name for column in columns()]


def test_the_command_prints_it() -> None:
    outcome = CliRunner().invoke(main, ["columns"])
    assert outcome.exit_code == 0
    assert outcome.output == reference() + "\n"
