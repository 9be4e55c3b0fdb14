"""The journal of a scan: a SQLite file beside the report, the only place records are kept.

Records are committed as they come; a scan that was interrupted carries on from it. What is known
of bytes is stored once by their SHA-256, and every path with these bytes points to it.
"""

from __future__ import annotations

import json
import math
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from scanner.examine import Examined
from scanner.model import ModelFile
from scanner.naming import mismatch
from scanner.record import Record, Status, Verdict
from scanner.verdict import NO_JUDGEMENT, judge

SCHEMA = """
CREATE TABLE scan (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE content (
    sha256 TEXT PRIMARY KEY, md5 TEXT, known TEXT, bytes INTEGER, format TEXT,
    width INTEGER, height INTEGER, frames INTEGER, status TEXT NOT NULL, error TEXT, logit REAL,
    verdict TEXT, evidence TEXT
) WITHOUT ROWID;
CREATE TABLE file (
    path TEXT, position INTEGER, sha256 TEXT, bytes INTEGER, status TEXT, error TEXT,
    PRIMARY KEY (path, position)
) WITHOUT ROWID;
"""
SUFFIX = ".journal"


class JournalError(Exception):
    """The journal cannot be used; the sentence says why and what to do."""


class Journal:
    """Records of one scan. `identity` is what must not change between the runs of a scan."""

    def __init__(self, path: Path, identity: dict[str, Any], fresh: bool = False) -> None:
        self.path = path
        if fresh:
            path.unlink(missing_ok=True)
        try:
            self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = NORMAL")
            self.resumed = self._open(identity)
        except sqlite3.Error as error:
            raise JournalError(
                f"the journal {path} cannot be used ({error}); start over with --fresh."
            ) from error

    def _open(self, identity: dict[str, Any]) -> bool:
        tables = self._database.execute("SELECT name FROM sqlite_master").fetchall()
        wanted = {key: json.dumps(value) for key, value in identity.items()}
        if not tables:
            self._database.executescript(SCHEMA)
            self._database.executemany("INSERT INTO scan VALUES (?, ?)", wanted.items())
            return False
        found = dict(self._database.execute("SELECT key, value FROM scan"))
        changed = [key for key in wanted if found.get(key) != wanted[key]]
        if changed:
            raise JournalError(
                f"{self.path} belongs to an interrupted scan with another {' and '.join(changed)}; "
                "repeat that command to finish it, or start over with --fresh."
            )
        return True

    def first_start(self, now: str) -> str:
        """When this scan was first started: `now`, unless an interrupted run was earlier."""
        self._database.execute("INSERT OR IGNORE INTO scan VALUES ('started', ?)", (now,))
        query = "SELECT value FROM scan WHERE key = 'started'"
        started: str = self._database.execute(query).fetchone()[0]
        return started

    def has(self, path: str, position: int) -> bool:
        """Whether the file already has its record."""
        query = "SELECT 1 FROM file WHERE path = ? AND position = ?"
        return self._database.execute(query, (path, position)).fetchone() is not None

    def logit(self, sha256: str) -> float | None:
        """The raw logit of these bytes, if they were scored before."""
        query = "SELECT logit FROM content WHERE sha256 = ?"
        row = self._database.execute(query, (sha256,)).fetchone()
        return row[0] if row else None

    def add(
        self,
        path: str,
        position: int,
        examined: Examined,
        logit: float | None = None,
        verdict: Verdict | None = None,
    ) -> None:
        """Record one file; with a SHA-256, what is known of its bytes goes to `content`."""
        row: tuple[object, ...] = (None, examined.bytes, str(examined.status), examined.error)
        if examined.sha256 is not None:
            row = (examined.sha256, None, None, None)
            self._database.execute(
                "INSERT OR IGNORE INTO content VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    examined.sha256,
                    examined.md5,
                    examined.known,
                    examined.bytes,
                    examined.format,
                    examined.width,
                    examined.height,
                    examined.frames,
                    str(examined.status),
                    examined.error,
                    logit,
                    verdict,
                    examined.evidence,
                ),
            )
        insert = "INSERT OR REPLACE INTO file VALUES (?, ?, ?, ?, ?, ?)"
        self._database.execute(insert, (path, position, *row))

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit together what is added inside, also when it ends in an exception."""
        self._database.execute("BEGIN")
        try:
            yield
        finally:
            self._database.execute("COMMIT")

    def counts(self) -> tuple[Counter[Status], Counter[Verdict]]:
        """How many files have each status, and how many scored files each verdict."""
        joined = "FROM file LEFT JOIN content USING (sha256) GROUP BY 1"
        statuses = self._database.execute(
            f"SELECT coalesce(content.status, file.status), count(*) {joined}"
        )
        verdicts = self._database.execute(f"SELECT verdict, count(*) {joined}")
        return (
            Counter({Status(status): count for status, count in statuses}),
            Counter({Verdict(verdict): count for verdict, count in verdicts if verdict}),
        )

    def records(self, model: ModelFile) -> Iterator[Record]:
        """All records, ordered by path, one at a time."""
        name = f"{model.name}@{model.sha256[:12]}"
        query = """
            SELECT path, position, sha256, md5, known, coalesce(content.bytes, file.bytes),
                   format, width, height, frames, coalesce(content.status, file.status),
                   coalesce(content.error, file.error), logit, evidence
            FROM file LEFT JOIN content USING (sha256) ORDER BY path, position
        """
        for row in self._database.execute(query):
            path, position, sha256, md5, known, size, kind, width, height, *rest = row
            frames, status, error, logit, evidence = rest
            judgement = NO_JUDGEMENT
            if status == Status.SCORED:
                # SQLite keeps no NaN: a score that was one comes back as None.
                judgement = judge(math.nan if logit is None else logit, (width, height), model.card)
            yield Record(
                path=path,
                position=position,
                sha256=sha256,
                md5=md5,
                known=known,
                bytes=size,
                format=kind,
                name_mismatch=mismatch(path, kind, Status(status)),
                width=width,
                height=height,
                frames=frames,
                status=Status(status),
                verdict=judgement.verdict,
                p_fake=judgement.p_fake,
                confidence=judgement.confidence,
                llr=judgement.llr,
                logit=round(logit, 5) if logit is not None and math.isfinite(logit) else None,
                reason=judgement.reason,
                evidence=evidence,
                error=error,
                model=name,
            )

    def close(self) -> None:
        self._database.close()

    def remove(self) -> None:
        """Close and delete the journal once its reports are written."""
        self.close()
        self.path.unlink(missing_ok=True)
