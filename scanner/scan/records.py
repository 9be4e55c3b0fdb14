"""From what a journal holds to the records of a report."""

from __future__ import annotations

import math
from collections.abc import Iterator

from scanner.model.file import ModelFile
from scanner.record import Record, Status, Verdict, trouble
from scanner.scan.journal import Journal, Row
from scanner.scan.name_mismatch import mismatch
from scanner.workers.examine import Examined


def records(journal: Journal, model: ModelFile) -> Iterator[Record]:
    """All records of a scan, ordered by path and page, one at a time."""
    name = f"{model.name}@{model.sha256[:12]}"
    return (_record(row, name) for row in journal.rows())


def _record(row: Row, model: str) -> Record:
    status, logit = Status(row.status), row.logit
    return Record(
        path=row.path,
        position=row.position,
        sha256=row.sha256,
        md5=row.md5,
        known=row.known,
        bytes=row.bytes,
        format=row.format,
        name_mismatch=mismatch(row.path, row.format, status, row.container),
        width=row.width,
        height=row.height,
        page=row.page,
        frames=row.frames,
        status=status,
        verdict=Verdict(row.verdict) if row.verdict else None,
        p_fake=row.p_fake,
        confidence=row.confidence,
        llr=row.llr,
        # SQLite keeps no NaN: a score that was one is None.
        logit=round(logit, 5) if logit is not None and math.isfinite(logit) else None,
        reason=row.reason,
        evidence=row.evidence,
        error=row.error,
        model=model,
    )


def storable(examined: Examined) -> Examined:
    """`examined`, or in its place an outcome that says what of it no record can hold.

    Whatever a decoder finds in a file is that file's trouble, and not the journal's.
    """
    for name, value in vars(examined).items():
        if what := trouble(value):
            reason = f"what was found of it cannot be recorded: its {name} is {what}"
            page = None if name == "page" else examined.page
            return Examined(Status.UNREADABLE, reason, examined.sha256, page=page)
    return examined
