"""Whatever text a record holds, a report gives it back, and no cell runs as a formula."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scanner.record import Record, path_from_text, path_text
from scanner.reports import write_report
from scanner.reports.read import read_records

NAMES = st.text(st.characters(exclude_characters="\0"), min_size=1)  # lone surrogates as well
TEXT = st.none() | st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@pytest.mark.parametrize("suffix", ["csv", "json", "jsonl"])
@settings(
    max_examples=100,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(name=NAMES, error=TEXT, evidence=TEXT)
def test_a_round_trip(
    suffix: str,
    name: str,
    error: str | None,
    evidence: str | None,
    records: list[Record],
    tmp_path: Path,
) -> None:
    record = replace(records[0], path=path_text(name), error=error, evidence=evidence)
    report = tmp_path / f"report.{suffix}"
    write_report(report, [record], {})
    assert list(read_records(report)) == [record]
    assert path_from_text(record.path) == name
    if suffix == "csv":
        with report.open(encoding="utf-8", newline="") as stream:
            cells = list(csv.reader(stream))[1]
        assert not any(cell.lstrip().startswith(("=", "+", "@")) for cell in cells)
