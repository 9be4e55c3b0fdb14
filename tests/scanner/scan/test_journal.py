"""Protects: the journal keeps every record, carries on, and refuses to mix two scans."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from scanner.model.verdict import Judgement, Score
from scanner.record import Origin, Record, Status, Verdict
from scanner.scan.journal import Journal
from scanner.scan.journal_file import JournalError
from scanner.scan.records import records as scan_records
from scanner.workers.examined import Examined
from tests.conftest import environment

IDENTITY: dict[str, object] = {"version": "1", "evidence": ["/evidence"], "model": "abc"}
IMAGE = Examined(
    Status.SCORED, sha256="a" * 64, bytes=10, format="PNG", width=32, height=32, page=1, frames=1
)
TEXT = Examined(Status.NOT_IMAGE, "no image", "b" * 64, bytes=20)
MODEL, SCORE = "m@1", Score(3.0, 0.5)
JUDGEMENT = Judgement(Verdict.FAKE, 0.952574, 0.952574, 1.3029, None)
LOST = Examined(Status.TIMEOUT, "too slow", bytes=30)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "report.csv.journal"


def opened(place: Path, identity: dict[str, object] = IDENTITY, fresh: bool = False) -> Journal:
    journal = Journal(place, fresh)
    try:
        journal.begin(identity)
    except JournalError:
        journal.close()
        raise
    return journal


def reopened(journal: Journal, fresh: bool = False) -> Journal:
    journal.commit()
    journal.close()
    return opened(journal.path, fresh=fresh)


def fill(journal: Journal) -> None:
    journal.add("b", 0, TEXT)
    journal.add("c.zip!/x", 2, IMAGE, MODEL, SCORE, JUDGEMENT)
    journal.add("c.zip!/x", 1, LOST)
    journal.add("a", 0, IMAGE, MODEL, SCORE, JUDGEMENT)


def records(journal: Journal) -> list[Record]:
    return list(scan_records(journal))


def test_records_come_back_in_path_order(place: Path) -> None:
    journal = opened(place)
    fill(journal)
    found = records(journal)
    assert [(record.path, record.position) for record in found] == [
        ("a", 0), ("b", 0), ("c.zip!/x", 1), ("c.zip!/x", 2),
    ]  # fmt: skip
    scored, text, lost, twin = found
    assert (scored.verdict, scored.logit, scored.p_fake) == (Verdict.FAKE, 3.0, 0.952574)
    assert (scored.sha256, scored.bytes, scored.format) == ("a" * 64, 10, "PNG")
    assert (twin.verdict, twin.sha256, twin.p_fake) == (scored.verdict, scored.sha256, 0.952574)
    assert (text.status, text.error, text.bytes) == (Status.NOT_IMAGE, "no image", 20)
    assert (lost.status, lost.error, lost.bytes) == (Status.TIMEOUT, "too slow", 30)
    for record in (text, lost):
        assert (record.verdict, record.p_fake, record.llr, record.logit) == (None,) * 4
    assert [record.model for record in found] == [MODEL, None, None, MODEL]


def test_counts(place: Path) -> None:
    journal = opened(place)
    fill(journal)
    statuses, verdicts = journal.counts()
    assert statuses == {Status.SCORED: 2, Status.NOT_IMAGE: 1, Status.TIMEOUT: 1}
    assert verdicts == {MODEL: {Verdict.FAKE: 2}}


def test_origins_are_counted_by_files(place: Path) -> None:
    """Not by pages: an animation says only once where it comes from."""
    journal = opened(place)
    said = replace(IMAGE, origin=Origin.AI_DECLARED, evidence="[]")
    for path in ("a", "b"):
        for page in (1, 2):
            journal.add_page(replace(said, page=page), MODEL, SCORE, JUDGEMENT)
        journal.add(path, 0, replace(said, page=3), MODEL, SCORE, JUDGEMENT)
    photograph = replace(IMAGE, sha256="d" * 64, origin=Origin.CAMERA_DECLARED)
    journal.add("c", 0, photograph, MODEL, SCORE, JUDGEMENT)
    assert journal.origins() == {Origin.AI_DECLARED: 2, Origin.CAMERA_DECLARED: 1}
    assert {record.origin for record in records(journal)} == set(journal.origins())


def test_what_became_of_a_container_is_its_places(place: Path) -> None:
    """Its bytes may also lie where they could not be opened, as deep inside other archives."""
    journal = opened(place)
    opened_here = Examined(Status.CONTAINER, "an archive; …", "c" * 64, known="list", bytes=5)
    outcomes = {
        "a.jpg": opened_here,
        "b.zip!/a.zip": replace(opened_here, status=Status.OVER_LIMIT, error="too deep"),
        "gone.zip": Examined(Status.UNREADABLE, "gone"),
    }
    for position, (path, examined) in enumerate(outcomes.items()):
        journal.add(path, position, examined, container="an archive")
    journal = reopened(journal)
    found = records(journal)
    assert {record.path: (record.status, record.error) for record in found} == {
        path: (examined.status, examined.error) for path, examined in outcomes.items()
    }
    assert {(record.sha256, record.bytes, record.known) for record in found[:2]} == {
        ("c" * 64, 5, "list")
    }
    assert [record.name_mismatch for record in found] == [
        "named .jpg, but the content is an archive", None, None,
    ]  # fmt: skip
    assert journal.counts()[0] == dict.fromkeys(
        (Status.CONTAINER, Status.OVER_LIMIT, Status.UNREADABLE), 1
    )


def test_a_scan_carries_on(place: Path) -> None:
    journal = opened(place)
    assert not journal.resumed
    fill(journal)
    before = records(journal)
    journal = reopened(journal)
    assert journal.resumed
    assert records(journal) == before
    assert journal.has("c.zip!/x", 2)
    assert not journal.has("c.zip!/x", 3)
    assert not journal.has("nowhere", 0)
    assert journal.score("a" * 64, 1) == SCORE
    assert journal.score("b" * 64, 1) is None
    assert journal.score("f" * 64, 1) is None


def test_what_is_committed_survives(place: Path) -> None:
    journal = opened(place)
    journal.add("a", 0, TEXT)
    journal.commit()
    journal.add("b", 0, TEXT)
    journal.close()  # without a commit, as a process dies
    journal = opened(place)
    assert journal.has("a", 0)
    assert not journal.has("b", 0)


@pytest.mark.parametrize("key", IDENTITY)
def test_another_scans_journal_is_refused(key: str, place: Path) -> None:
    journal = opened(place)
    fill(journal)
    journal.commit()
    journal.close()
    with pytest.raises(JournalError, match=f"another {key}; repeat that command .* --fresh"):
        opened(place, IDENTITY | {key: "other"})
    assert opened(place).has("a", 0), "and stays as it was"


def test_passwords_are_told_apart_but_not_told(place: Path) -> None:
    first, second = Journal(place), Journal(place.with_name("other.journal"))
    for journal in (first, second):
        journal.begin(IDENTITY, ["secret", "geheim"])
        journal.close()
    for passwords in ([], ["secret"], ["geheim", "secret"]):
        with (
            closing(Journal(place)) as journal,
            pytest.raises(JournalError, match="another passwords"),
        ):
            journal.begin(IDENTITY, passwords)
    with closing(Journal(place)) as journal:
        journal.begin(IDENTITY, ["secret", "geheim"])
        assert journal.resumed
    facts = []
    for journal in (first, second):
        with closing(sqlite3.connect(journal.path)) as database:
            facts += database.execute("SELECT value FROM scan WHERE key = 'passwords'").fetchall()
    assert facts[0] != facts[1], "a table of hashes of likely passwords must not help"


def test_fresh_forgets(place: Path) -> None:
    journal = opened(place)
    fill(journal)
    journal = reopened(journal, fresh=True)
    assert not journal.resumed
    assert records(journal) == []


def test_fresh_accepts_any_earlier_scan(place: Path) -> None:
    opened(place).close()
    assert not opened(place, IDENTITY | {"model": "other"}, fresh=True).resumed


@pytest.mark.parametrize("shared_memory", [True, False])
@pytest.mark.parametrize("fresh", [True, False])
def test_what_a_killed_scan_leaves(
    fresh: bool, shared_memory: bool, place: Path, tmp_path: Path
) -> None:
    """The files of a journal that is still open are those of a scan that lost its power."""
    journal = opened(place)
    fill(journal)
    journal.commit()
    left = tmp_path / "left"
    left.mkdir()
    for part in place.parent.glob(f"{place.name}*"):
        if shared_memory or not part.name.endswith("-shm"):
            shutil.copy(part, left)
    assert (left / f"{place.name}-wal").stat().st_size > 0
    found = opened(left / place.name, fresh=fresh)
    assert records(found) == ([] if fresh else records(journal))
    assert found.resumed is not fresh
    found.remove()
    assert list(left.iterdir()) == []


def database_of_another_program(place: Path) -> None:
    with closing(sqlite3.connect(place)) as database:
        database.execute("CREATE TABLE contacts (name TEXT)")


FOREIGN: dict[str, Callable[[Path], object]] = {
    "text": lambda place: place.write_bytes(b"my dissertation" * 100),
    "a short text": lambda place: place.write_bytes(b"x"),
    "a database": database_of_another_program,
    "a log of its own": lambda place: place.with_name(f"{place.name}-wal").write_bytes(b"a log"),
    "a folder": lambda place: place.mkdir(),
    "a pipe": lambda place: os.mkfifo(place),
}


@pytest.mark.parametrize("fresh", [True, False])
@pytest.mark.parametrize("kind", FOREIGN)
def test_a_file_that_is_no_journal_is_refused_and_kept(kind: str, fresh: bool, place: Path) -> None:
    FOREIGN[kind](place)

    def state() -> list[tuple[object, ...]]:
        return [
            (path.name, path.stat().st_mtime_ns, path.is_file() and path.read_bytes())
            for path in (place.parent, *place.parent.iterdir())
        ]

    before = state()
    with pytest.raises(JournalError, match="was left as it is: move it away, or name another"):
        opened(place, fresh=fresh)
    assert state() == before


def test_an_empty_file_becomes_a_journal(place: Path) -> None:
    """A scan that was killed before it could write its journal leaves one."""
    place.touch()
    journal = opened(place)
    fill(journal)
    assert len(records(reopened(journal))) == 4


CREATE_FOR_EVER = """
import itertools, pathlib, sys
from scanner.scan.journal import Journal
for n in itertools.count():
    journal = Journal(pathlib.Path(sys.argv[1]))
    journal.begin({"n": 0})
    print(n, flush=True)
    journal.remove() if n % 2 else journal.close()
"""


def test_killed_while_it_is_created_or_removed(place: Path) -> None:
    moments = random.Random(0)
    for _ in range(5):
        command = [sys.executable, "-c", CREATE_FOR_EVER, str(place)]
        with subprocess.Popen(
            command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as creator:
            assert creator.stdout is not None
            assert creator.stderr is not None
            assert creator.stdout.readline() == b"0\n"
            time.sleep(moments.uniform(0, 0.1))
            creator.kill()
            assert creator.stderr.read() == b""
        opened(place, {"n": 0}).close()


def test_a_journal_that_no_scan_began_leaves_nothing(place: Path) -> None:
    Journal(place).close()
    assert list(place.parent.iterdir()) == []
    opened(place).close()
    Journal(place).close()
    assert place.exists(), "it may hold records"


def test_removing_leaves_nothing(place: Path) -> None:
    journal = opened(place)
    fill(journal)
    journal.remove()
    assert list(place.parent.iterdir()) == []


def test_what_sqlite_left_beside_a_finished_journal_goes_with_it(place: Path) -> None:
    """As on a full disk; else the next scan would take it for somebody's file."""
    journal = opened(place)
    journal.close()
    left = place.with_name(f"{place.name}-wal")
    left.write_bytes(b"left")
    journal.remove()
    assert list(place.parent.iterdir()) == []
