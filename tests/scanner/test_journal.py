"""Protects: the journal keeps every record, carries on, and refuses to mix two scans."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest

from scanner.examine import Examined
from scanner.journal import Journal, JournalError
from scanner.model import ModelFile, open_model
from scanner.record import Record, Status, Verdict

IDENTITY = {"version": "1", "evidence": ["/evidence"], "model": "abc"}
IMAGE = Examined(
    Status.SCORED, sha256="a" * 64, bytes=10, format="PNG", width=32, height=32, frames=1
)
TEXT = Examined(Status.NOT_IMAGE, "no image", "b" * 64, bytes=20)
LOST = Examined(Status.TIMEOUT, "too slow", bytes=30)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "report.csv.journal"


@pytest.fixture
def model(brightness_model: Path) -> ModelFile:
    return open_model(str(brightness_model))


def reopened(journal: Journal, fresh: bool = False) -> Journal:
    journal.commit()
    journal.close()
    return Journal(journal.path, IDENTITY, fresh)


def fill(journal: Journal) -> None:
    journal.add("b", 0, TEXT)
    journal.add("c.zip!/x", 2, IMAGE, 3.0, Verdict.FAKE)
    journal.add("c.zip!/x", 1, LOST)
    journal.add("a", 0, IMAGE, 3.0, Verdict.FAKE)


def records(journal: Journal, model: ModelFile) -> list[Record]:
    return list(journal.records(model))


def test_records_come_back_in_path_order(place: Path, model: ModelFile) -> None:
    journal = Journal(place, IDENTITY)
    fill(journal)
    found = records(journal, model)
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
    assert scored.model == f"{model.name}@{model.sha256[:12]}"


def test_counts(place: Path) -> None:
    journal = Journal(place, IDENTITY)
    fill(journal)
    statuses, verdicts = journal.counts()
    assert statuses == {Status.SCORED: 2, Status.NOT_IMAGE: 1, Status.TIMEOUT: 1}
    assert verdicts == {Verdict.FAKE: 2}


def test_a_scan_carries_on(place: Path, model: ModelFile) -> None:
    journal = Journal(place, IDENTITY)
    assert not journal.resumed
    fill(journal)
    before = records(journal, model)
    journal = reopened(journal)
    assert journal.resumed
    assert records(journal, model) == before
    assert journal.has("c.zip!/x", 2)
    assert not journal.has("c.zip!/x", 3)
    assert not journal.has("nowhere", 0)
    assert journal.logit("a" * 64) == 3.0
    assert journal.logit("b" * 64) is None
    assert journal.logit("f" * 64) is None


def test_what_is_committed_survives(place: Path) -> None:
    journal = Journal(place, IDENTITY)
    journal.add("a", 0, TEXT)
    journal.commit()
    journal.add("b", 0, TEXT)
    journal.close()  # without a commit, as a process dies
    journal = Journal(place, IDENTITY)
    assert journal.has("a", 0)
    assert not journal.has("b", 0)


@pytest.mark.parametrize("key", IDENTITY)
def test_another_scans_journal_is_refused(key: str, place: Path) -> None:
    journal = Journal(place, IDENTITY)
    fill(journal)
    journal.commit()
    journal.close()
    with pytest.raises(JournalError, match=f"another {key}; repeat that command .* --fresh"):
        Journal(place, IDENTITY | {key: "other"})
    assert Journal(place, IDENTITY).has("a", 0), "and stays as it was"


def test_fresh_forgets(place: Path, model: ModelFile) -> None:
    journal = Journal(place, IDENTITY)
    fill(journal)
    journal = reopened(journal, fresh=True)
    assert not journal.resumed
    assert records(journal, model) == []


def test_fresh_accepts_any_earlier_scan(place: Path) -> None:
    Journal(place, IDENTITY).close()
    assert not Journal(place, IDENTITY | {"model": "other"}, fresh=True).resumed


@pytest.mark.parametrize("shared_memory", [True, False])
@pytest.mark.parametrize("fresh", [True, False])
def test_what_a_killed_scan_leaves(
    fresh: bool, shared_memory: bool, place: Path, model: ModelFile, tmp_path: Path
) -> None:
    """The files of a journal that is still open are those of a scan that lost its power."""
    journal = Journal(place, IDENTITY)
    fill(journal)
    journal.commit()
    left = tmp_path / "left"
    left.mkdir()
    for part in place.parent.glob(f"{place.name}*"):
        if shared_memory or not part.name.endswith("-shm"):
            shutil.copy(part, left)
    assert (left / f"{place.name}-wal").stat().st_size > 0
    found = Journal(left / place.name, IDENTITY, fresh)
    assert records(found, model) == ([] if fresh else records(journal, model))
    assert found.resumed is not fresh
    found.remove()
    assert list(left.iterdir()) == []


def test_a_file_that_is_no_journal_is_refused_and_kept(place: Path) -> None:
    place.write_bytes(b"my dissertation" * 100)
    with pytest.raises(JournalError, match="cannot be used"):
        Journal(place, IDENTITY)
    assert place.read_bytes() == b"my dissertation" * 100


def test_a_database_of_another_program_is_refused(place: Path) -> None:
    database = sqlite3.connect(place)
    database.execute("CREATE TABLE contacts (name TEXT)")
    database.close()
    with pytest.raises(JournalError, match=r"cannot be used .* --fresh"):
        Journal(place, IDENTITY)


def test_removing_leaves_nothing(place: Path) -> None:
    journal = Journal(place, IDENTITY)
    fill(journal)
    journal.remove()
    assert list(place.parent.iterdir()) == []
