"""SQLite: table `file` with a row a record, table `scan` with the facts of the scan as JSON.

The same records give the same bytes with the same version of SQLite.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

from scanner.record import Record, columns

TYPES = {str: "TEXT", int: "INTEGER", float: "REAL"}


def write(path: Path, records: Iterable[Record], scan: dict[str, Any]) -> None:
    table = ", ".join(f"{column.name} {TYPES[column.kind]}" for column in columns())
    places = ", ".join("?" for _ in columns())
    facts = ((key, json.dumps(value, allow_nan=False)) for key, value in scan.items())
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        # A report that breaks off is thrown away whole, so nothing needs to be rolled back.
        database.execute("PRAGMA journal_mode = OFF")
        database.execute("PRAGMA synchronous = OFF")
        database.execute("BEGIN")
        database.execute("CREATE TABLE scan (key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID")
        database.executemany("INSERT INTO scan VALUES (?, ?)", facts)
        database.execute(f"CREATE TABLE file ({table})")
        database.executemany(
            f"INSERT INTO file VALUES ({places})",
            (tuple(vars(record).values()) for record in records),
        )
        # Not all rows have a page, and so it cannot be part of a primary key.
        database.execute("CREATE UNIQUE INDEX place ON file (path, position, page)")
        database.execute("COMMIT")
