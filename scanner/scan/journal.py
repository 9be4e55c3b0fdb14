"""The journal of a scan: a SQLite file beside the report, the only place records are kept.

Records are committed as they come; a scan that was interrupted carries on from it. What is known
of bytes is stored once by their SHA-256, a row for each page of an image that was looked at, and
every path with these bytes points to it; but what became of a container also depends on where it
lies, and so is stored with its path. Files are entered in `in_flight` before a worker gets them and
leave it with its answer, so that what remains there after a sudden death is what the scan may have
died of.
"""

from __future__ import annotations

import json
import os
import sqlite3
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from scanner.model.verdict import NO_JUDGEMENT, Judgement, Score
from scanner.record import Origin, Record, Status, Verdict
from scanner.reports.gallery import Picture
from scanner.scan import pictures
from scanner.scan.journal_file import (
    JournalError,
    connect,
    journal_files,
    refuse_foreign,
    slow_hash,
    trouble_explained,
)
from scanner.sources.found import Found, Stamp, carved_range
from scanner.workers.examined import Examined

SCHEMA = f"""
CREATE TABLE scan (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE content (
    sha256 TEXT, page INTEGER, sha1 TEXT, md5 TEXT, known TEXT, pdq TEXT, similar TEXT,
    bytes INTEGER, format TEXT, width INTEGER, height INTEGER, frames INTEGER,
    status TEXT NOT NULL, error TEXT, model TEXT,
    logit REAL, ood REAL, again TEXT, quality TEXT, verdict TEXT, p_fake REAL, confidence REAL,
    llr REAL, reason TEXT, origin TEXT, evidence TEXT,
    PRIMARY KEY (sha256, page)
) WITHOUT ROWID;
CREATE TABLE file (
    path TEXT, position INTEGER, sha256 TEXT, sha1 TEXT, md5 TEXT, known TEXT, bytes INTEGER,
    status TEXT, error TEXT, stamp TEXT, container TEXT, run INTEGER,
    PRIMARY KEY (path, position)
) WITHOUT ROWID;
CREATE TABLE in_flight (
    path TEXT, position INTEGER, deaths INTEGER NOT NULL, handed_over INTEGER NOT NULL,
    PRIMARY KEY (path, position)
) WITHOUT ROWID;
{pictures.SCHEMA}"""
# What is known of a file's bytes, which of a container are no more than their hashes.
OF_FILE = "ON content.sha256 = file.sha256 AND file.container IS NULL"
ADD_CONTENT = f"INSERT OR IGNORE INTO content VALUES ({', '.join('?' * 26)})"
ADD_FILE = f"INSERT OR REPLACE INTO file VALUES ({', '.join('?' * 12)})"
NO_PAGE = 0  # where a content's outcome is not of one of its pages
SALT_BYTES = 16


class Journal:
    """Records of one scan, for one process at a time.

    It is locked at once, so that what lies beside it is safe from other scans; call `begin`, which
    empties it if `fresh`, before anything else. resumed: whether an earlier run left it. suspects:
    files, by path and position, that were in flight when the scan died, with the number of its
    deaths while they were so alone. What is written is safe once `commit` returns, also from a
    loss of power.
    """

    def __init__(self, path: Path, fresh: bool = False) -> None:
        self.path = path
        self.suspects: dict[tuple[str, int], int] = {}
        self._run = 0  # how often this scan was carried on
        self._unmet = 0  # files with a record from an earlier run that this one has not met
        refuse_foreign(path)
        with trouble_explained(path):
            self._database = connect(path, fresh)
            self._empty = not self._tables()
        self.resumed = not (self._empty or fresh)

    def begin(self, identity: dict[str, Any], passwords: Sequence[str] = ()) -> None:
        """Start a scan or carry on with one. Raises JournalError if that was another.

        identity: what must not change between the runs of a scan. passwords: nor they; of them the
        journal, which may lie about, holds a salted hash that is slow to guess by.
        """
        with trouble_explained(self.path):
            salt = self._salt() if self.resumed else os.urandom(SALT_BYTES)
            identity = {
                "journal format": zlib.crc32(SCHEMA.encode()),
                **identity,
                "passwords": [salt.hex(), slow_hash(passwords, salt)],
            }
            facts = {key: json.dumps(value) for key, value in identity.items()}
            if not self.resumed:
                self._create(facts)
            self._refuse_other(facts)
            self._run = self._next_run()
            self.suspects = self._recall_in_flight()
            self._unmet = self.files()
            self.commit()  # once: it waits for the disk
            self._empty = False

    def _salt(self) -> bytes:
        query = "SELECT value FROM scan WHERE key = 'passwords'"
        salt: str = json.loads(self._database.execute(query).fetchone()[0])[0]
        return bytes.fromhex(salt)

    def _tables(self) -> list[str]:
        query = "SELECT name FROM sqlite_master WHERE type = 'table'"
        return [name for (name,) in self._database.execute(query)]

    def _create(self, facts: dict[str, str]) -> None:
        """Begin anew; what an earlier scan left goes in the same step."""
        drops = "".join(f'DROP TABLE "{name}";' for name in self._tables())
        self._database.executescript(f"BEGIN; {drops} {SCHEMA}")
        self._database.executemany("INSERT INTO scan VALUES (?, ?)", facts.items())

    def _refuse_other(self, facts: dict[str, str]) -> None:
        found = dict(self._database.execute("SELECT key, value FROM scan"))
        changed = [key for key, fact in facts.items() if found.get(key) != fact]
        if changed:
            raise JournalError(
                f"{self.path} belongs to an interrupted scan with another {' and '.join(changed)}; "
                "repeat that command to finish it, or start over with --fresh."
            )

    def first_start(self, now: str) -> str:
        """When this scan was first started: `now`, unless an interrupted run was earlier.

        It is committed with the first files that are handed over.
        """
        self._database.execute("INSERT OR IGNORE INTO scan VALUES ('started', ?)", (now,))
        query = "SELECT value FROM scan WHERE key = 'started'"
        started: str = self._database.execute(query).fetchone()[0]
        return started

    def _next_run(self) -> int:
        self._database.execute("INSERT OR IGNORE INTO scan VALUES ('runs', '0')")
        self._database.execute("UPDATE scan SET value = value + 1 WHERE key = 'runs'")
        query = "SELECT value FROM scan WHERE key = 'runs'"
        return int(self._database.execute(query).fetchone()[0])

    def _recall_in_flight(self) -> dict[tuple[str, int], int]:
        """Count a death against the file that alone was handed over in the last run, if so.

        Among many it says nothing of any of them: these are suspects without a death.
        """
        count = self._database.execute("SELECT count(*) FROM in_flight WHERE handed_over")
        alone = count.fetchone() == (1,)
        self._database.execute(
            "UPDATE in_flight SET deaths = deaths + ?, handed_over = 0 WHERE handed_over", (alone,)
        )
        rows = self._database.execute("SELECT path, position, deaths FROM in_flight")
        return {(path, position): deaths for path, position, deaths in rows}

    def has(self, path: str, position: int, stamp: Stamp | None = None) -> bool:
        """Whether the file already has its record. Raises JournalError if it has changed since."""
        query = "SELECT stamp, run FROM file WHERE path = ? AND position = ?"
        row = self._database.execute(query, (path, position)).fetchone()
        if row is None:
            return False
        if row[1] == self._run:  # a folder that changes may list a name twice
            return True
        if None not in (stamp, row[0]) and row[0] != _stamp_text(stamp):
            raise JournalError(
                f"{path} has changed since the interrupted scan of {self.path} recorded it; "
                "restore the evidence, or start over with --fresh."
            )
        self._unmet -= 1 + self._carved_from(path, position)
        return True

    def _carved_from(self, path: str, position: int) -> int:
        """How many files were found in the bytes of this one, whose record followed theirs."""
        query = "SELECT count(*) FROM file WHERE path >= ? AND path < ? AND position = ?"
        places = (*carved_range(path), position)
        count: int = self._database.execute(query, places).fetchone()[0]
        return count

    def check_all_met(self) -> None:
        """Raise JournalError if a file with a record from an earlier run was not met again."""
        if self._unmet > 0:
            raise JournalError(
                f"{self._unmet:,} files that the interrupted scan of {self.path} recorded are no "
                "longer there; restore the evidence, or start over with --fresh."
            )

    def hand_over(self, files: Iterable[Found]) -> None:
        """Commit that these files are in flight. Call before a worker gets them."""
        self._database.executemany(
            "INSERT INTO in_flight VALUES (?, ?, 0, 1) ON CONFLICT DO UPDATE SET handed_over = 1",
            ((found.path, found.position) for found in files),
        )
        self.commit()

    def answered(self, found: Found) -> None:
        """The file is no longer in flight; of a suspect the deaths are kept until its record."""
        place = (found.path, found.position)
        if place in self.suspects:
            update = "UPDATE in_flight SET handed_over = 0 WHERE path = ? AND position = ?"
            self._database.execute(update, place)
        else:
            self._acquit(*place)

    def _acquit(self, path: str, position: int) -> None:
        delete = "DELETE FROM in_flight WHERE path = ? AND position = ?"
        self._database.execute(delete, (path, position))

    def settle(self) -> None:
        """Commit, and hold nothing against files in flight: the scan stops of its own will."""
        self._database.execute("DELETE FROM in_flight WHERE handed_over AND deaths = 0")
        self._database.execute("UPDATE in_flight SET handed_over = 0")
        self.commit()

    def commit(self) -> None:
        """Make safe what was written since the last call."""
        self._database.commit()

    def score(self, sha256: str, page: int | None) -> Score | None:
        """The score of a page of these bytes, if it was scored before; of no number None."""
        select = "SELECT logit, ood, again FROM content"
        query = f"{select} WHERE sha256 = ? AND page = ? AND logit NOTNULL"
        row = self._database.execute(query, (sha256, page or NO_PAGE)).fetchone()
        return Score(row[0], row[1], json.loads(row[2])) if row else None

    def add(
        self,
        path: str,
        position: int,
        examined: Examined,
        model: str | None = None,
        score: Score | None = None,
        judgement: Judgement = NO_JUDGEMENT,
        explanation: str | None = None,
        stamp: Stamp | None = None,
        container: str | None = None,
        by_place: bool = False,
    ) -> None:
        """Record one file; with a SHA-256, what is known of its bytes goes to `content`, but of a
        container.

        Its further pages come first, by `add_page`: with this, the file is done. model: the one
        that judged it, as in `Record`. container: what kind of one the file is, such as "an
        archive". by_place: that what became of it depends on where it lies, as a container's does.
        """
        hashes = (examined.sha256, examined.sha1, examined.md5, examined.known)
        row: tuple[object, ...] = (*hashes, examined.bytes, examined.status, examined.error)
        # A container's fate is that of its file alone: other files of the same bytes, as a part of
        # a set and a copy of it, may be something else.
        if examined.sha256 is not None and container is None:
            if not by_place:
                row = (examined.sha256, *(None,) * 6)
            self.add_page(examined, model, score, judgement, explanation)
        place = (_stamp_text(stamp), container, self._run)
        self._database.execute(ADD_FILE, (path, position, *row, *place))
        if (path, position) in self.suspects:
            self._acquit(path, position)

    def add_page(
        self,
        examined: Examined,
        model: str | None,
        score: Score | None,
        judgement: Judgement,
        explanation: str | None = None,
    ) -> None:
        """Record what is known of one page of bytes with a SHA-256, unless that was done before.

        explanation: as `scanner.scan.pictures` has it.
        """
        added = self._database.execute(
            ADD_CONTENT,
            (
                examined.sha256,
                examined.page or NO_PAGE,
                examined.sha1,
                examined.md5,
                examined.known,
                examined.pdq,
                examined.similar,
                examined.bytes,
                examined.format,
                examined.width,
                examined.height,
                examined.frames,
                examined.status,
                examined.error,
                model,
                score and score.logit,
                score and score.ood,
                score and json.dumps(dict(score.again)),
                examined.quality and json.dumps(asdict(examined.quality)),
                judgement.verdict,
                judgement.p_fake,
                judgement.confidence,
                judgement.llr,
                judgement.reason,
                examined.origin,
                examined.evidence,
            ),
        )
        if added.rowcount:
            pictures.keep(self._database, examined, explanation)

    def picture(self, record: Record) -> Picture | None:
        """What there is to see of the page that a record is of, if that was kept."""
        return pictures.recall(self._database, record)

    def files(self) -> int:
        """How many files have a record."""
        count: int = self._database.execute("SELECT count(*) FROM file").fetchone()[0]
        return count

    def counts(self) -> tuple[Counter[Status], defaultdict[str | None, Counter[Verdict]]]:
        """How many records have each status, and how many scored ones each verdict, by model.

        Verdicts of no model are on images in no model's domain.
        """
        joined = f"FROM file LEFT JOIN content {OF_FILE}"
        statuses = self._database.execute(
            f"SELECT coalesce(file.status, content.status), count(*) {joined} GROUP BY 1"
        )
        found = self._database.execute(
            f"SELECT model, verdict, count(*) {joined} WHERE verdict NOTNULL GROUP BY 1, 2"
        )
        verdicts: defaultdict[str | None, Counter[Verdict]] = defaultdict(Counter)
        for model, verdict, count in found:
            verdicts[model][Verdict(verdict)] = count
        return Counter({Status(status): count for status, count in statuses}), verdicts

    def origins(self) -> Counter[Origin]:
        """How many files say or prove each of where they come from."""
        found = self._database.execute(f"""
            SELECT origin, count(*)
            FROM file JOIN (SELECT DISTINCT sha256, origin FROM content) AS content {OF_FILE}
            WHERE origin NOTNULL GROUP BY 1
        """)
        return Counter({Origin(origin): count for origin, count in found})

    def rows(self) -> Iterator[sqlite3.Row]:
        """What a record says, by its names, and `container`, as `add` takes it.

        One row a page, ordered by path and page, one at a time.
        """
        found = self._database.execute(f"""
            SELECT path, position, file.sha256, coalesce(content.sha1, file.sha1) AS sha1,
                   coalesce(content.md5, file.md5) AS md5,
                   coalesce(content.known, file.known) AS known, pdq, similar,
                   coalesce(content.bytes, file.bytes) AS bytes, format, width, height,
                   nullif(page, {NO_PAGE}) AS page, frames,
                   coalesce(file.status, content.status) AS status,
                   verdict, origin, p_fake, confidence, llr, logit, ood, again, quality, reason,
                   evidence,
                   CASE WHEN file.status IS NULL THEN content.error ELSE file.error END AS error,
                   model, container
            FROM file LEFT JOIN content {OF_FILE} ORDER BY path, position, page
        """)
        found.row_factory = sqlite3.Row
        return found

    def close(self) -> None:
        """Unlock the journal, which goes if no scan ever began."""
        self._database.close()
        if self._empty:
            self.path.unlink(missing_ok=True)

    def remove(self) -> None:
        """Close and delete the journal once its reports are written."""
        self.close()
        for file in journal_files(self.path):  # what a full disk kept SQLite from taking away, too
            file.unlink(missing_ok=True)


def _stamp_text(stamp: Stamp | None) -> str | None:
    """As text: a date may lie further off than a whole number in the database reaches."""
    return stamp and f"{stamp.bytes} bytes, {stamp.modified_ns} ns"
