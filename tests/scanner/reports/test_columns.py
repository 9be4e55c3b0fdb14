"""Protects: the columns reference in the README is the one the code gives."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from scanner.cli import main
from scanner.record import columns
from scanner.reports.columns import BEGIN, END, reference

README = Path(__file__).parents[3] / "README.md"


def test_a_row_for_each_column() -> None:
    rows = [line.split("|") for line in reference().splitlines()]
    assert all(len(row) == 5 for row in rows)
    assert [row[1].strip(" `") for row in rows[2:]] == [column.name for column in columns()]


def test_the_command_prints_it() -> None:
    outcome = CliRunner().invoke(main, ["columns"])
    assert outcome.exit_code == 0
    assert outcome.output == reference() + "\n"


@pytest.mark.skipif(not README.exists(), reason="there is no README.md")
def test_the_readme_is_current() -> None:
    text = README.read_text("utf-8")
    assert BEGIN in text, f"README.md lacks {BEGIN}"
    assert END in text, f"README.md lacks {END}"
    stated = text.partition(BEGIN)[2].partition(END)[0].strip()
    assert stated == reference(), "put the output of `imgscan columns` between the markers"
