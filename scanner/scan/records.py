"""From what a journal holds to the records of a report."""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Iterator
from typing import Any

from scanner.record import Origin, Record, Status, Verdict, trouble
from scanner.scan.journal import Journal
from scanner.scan.name_mismatch import mismatch
from scanner.workers.examined import Examined


def records(journal: Journal) -> Iterator[Record]:
    """All records of a scan, ordered by path and page, one at a time."""
    return map(_record, journal.rows())


def _record(row: sqlite3.Row) -> Record:
    values: dict[str, Any] = dict(row)
    container = values.pop("container")
    checks = _checks(*(values.pop(name) for name in ("quality", "ood", "again")))
    status, verdict, logit = Status(row["status"]), row["verdict"], row["logit"]
    origin = row["origin"]
    return Record(
        **values
        | {
            "status": status,
            "name_mismatch": mismatch(row["path"], row["format"], status, container),
            "verdict": Verdict(verdict) if verdict else None,
            "origin": Origin(origin) if origin else None,
            # SQLite keeps no NaN: a score that was one is None.
            "logit": _rounded(logit, 5),
            "checks": checks,
        }
    )


def _checks(quality: str | None, ood: float | None, again: str | None) -> str | None:
    """What was measured of a picture besides its logit, as JSON; None where nothing was."""
    found = {} if quality is None else json.loads(quality)
    if ood is not None:
        found["ood"] = ood
    found |= {} if again is None else json.loads(again)
    return json.dumps({name: _rounded(it, 5) for name, it in found.items()}) if found else None


def _rounded(figure: float | None, digits: int) -> float | None:
    return round(figure, digits) if figure is not None and math.isfinite(figure) else None


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
