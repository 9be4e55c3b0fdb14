"""Protects: the SQLite report is a sound database with every value in its own type."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from scanner.record import Record, columns
from scanner.reports import write_report


def test_gives_every_record_and_fact_back(
    tmp_path: Path, records: list[Record], facts: dict[str, Any]
) -> None:
    report = tmp_path / "report.sqlite"
    write_report(report, records, facts)
    with closing(sqlite3.connect(report)) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        files = database.execute("SELECT * FROM file ORDER BY path, position")
        assert [column[0] for column in files.description] == [column.name for column in columns()]
        assert [Record(*row) for row in files] == records
        scan = dict(database.execute("SELECT key, value FROM scan"))
    assert {key: json.loads(value) for key, value in scan.items()} == facts


def test_numbers_are_numbers(tmp_path: Path, records: list[Record]) -> None:
    report = tmp_path / "report.db"
    write_report(report, records, {})
    with closing(sqlite3.connect(report)) as database:
        kinds = database.execute("SELECT DISTINCT typeof(p_fake), typeof(width) FROM file")
        assert set(kinds) == {("real", "integer"), ("null", "integer"), ("null", "null")}


def test_members_of_one_name_keep_their_rows(tmp_path: Path, records: list[Record]) -> None:
    report = tmp_path / "report.db"
    write_report(report, records, {})
    with closing(sqlite3.connect(report)) as database:
        twins = database.execute("SELECT position FROM file WHERE path = 'twin.zip!/a.png'")
        assert twins.fetchall() == [(1,), (2,)]
