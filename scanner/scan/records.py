"""From what a journal holds to the records of a report."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterator
from typing import Any

from scanner.record import Record, Status, Verdict, trouble
from scanner.scan.journal import Journal
from scanner.scan.name_mismatch import mismatch
from scanner.workers.examine import Examined


def records(journal: Journal) -> Iterator[Record]:
    """All records of a scan, ordered by path and page, one at a time."""
    return map(_record, journal.rows())


def _record(row: sqlite3.Row) -> Record:
    values: dict[str, Any] = dict(row)
    container = values.pop("container")
    status, verdict, logit = Status(row["status"]), row["verdict"], row["logit"]
    return Record(
        **values
        | {
            "status": status,
            "name_mismatch": mismatch(row["path"], row["format"], status, container),
            "verdict": Verdict(verdict) if verdict else None,
            # SQLite keeps no NaN: a score that was one is None.
            "logit": round(logit, 5) if logit is not None and math.isfinite(logit) else None,
        }
    )


def storable(examined: Examined) -> Examined:
    """`examined`, or in its place an outcome that says what of it no record can hold.

    Whatever a decoder finds in a file is that file's trouble, and not the journal's.
    """
    for name, value in vars(examined).items():
        if what := trouble(value):
            reason = f"what was found of it cannot be recorded: its {name} is {what}"
            page = None if trouble(examined.page) else examined.page
            return Examined(Status.UNREADABLE, reason, examined.sha256, page=page)
    return examined
