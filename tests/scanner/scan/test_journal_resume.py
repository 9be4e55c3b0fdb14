"""Protects: what a scan died of is found and set aside, and no two scans or states are mixed."""

from __future__ import annotations

import csv
import os
import shutil
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from scanner.record import Status
from scanner.scan.journal import Journal
from scanner.scan.journal_file import JournalError
from scanner.sources.found import Found, Stamp
from scanner.workers.examined import Examined
from tests.scanner.scans import pictures, run, slow_gif, start, wait_for, wait_until_reading

IDENTITY = {"evidence": ["/evidence"]}
FILES = [Found(name, 0, b"", Stamp(1, 2)) for name in "abc"]
TEXT = Examined(Status.NOT_IMAGE, "no image", "b" * 64, bytes=20)


def opened(folder: Path, fresh: bool = False) -> Journal:
    journal = Journal(folder / "report.csv.journal", fresh)
    journal.begin(IDENTITY)
    return journal


def test_files_in_flight_at_a_death_are_suspects(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.hand_over(FILES)
    journal.answered(FILES[1])
    journal.commit()
    journal.close()  # without settling: nothing a dead process does
    journal = opened(tmp_path)
    assert journal.suspects == {("a", 0): 0, ("c", 0): 0}, "it may have died of either"
    for deaths in (1, 2):
        journal.hand_over(FILES[:1])
        journal.close()
        journal = opened(tmp_path)
        assert journal.suspects == {("a", 0): deaths, ("c", 0): 0}, "c was not tried again"


def test_a_fresh_scan_that_cannot_begin_leaves_the_journal(tmp_path: Path) -> None:
    """Its hash lists, say, are read between the lock and the beginning."""
    journal = opened(tmp_path)
    journal.add("a", 0, TEXT)
    journal.commit()
    journal.close()
    Journal(tmp_path / "report.csv.journal", fresh=True).close()
    assert opened(tmp_path).has("a", 0)


def test_a_stop_of_its_own_will_holds_nothing_against_a_file(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.hand_over(FILES[:1])
    journal.close()
    journal = opened(tmp_path)
    journal.hand_over([FILES[0], FILES[2]])
    journal.settle()
    journal.close()
    assert opened(tmp_path).suspects == {("a", 0): 1}


def test_changed_evidence_is_refused(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.add("a", 0, TEXT, stamp=Stamp(1, 2))
    journal.commit()
    assert journal.has("a", 0, Stamp(1, 3)), "a folder may list it twice while it grows"
    journal.close()
    journal = opened(tmp_path)
    assert journal.has("a", 0, Stamp(1, 2))
    for changed in (Stamp(1, 3), Stamp(2, 2)):
        with pytest.raises(JournalError, match=r"a has changed since .* start over with --fresh"):
            journal.has("a", 0, changed)


@pytest.mark.parametrize("seconds", [-(2**63), -11_644_473_600, 9_223_372_037, 2**63 - 1])
def test_a_date_of_any_year_is_kept(seconds: int, tmp_path: Path) -> None:
    """NTFS begins in 1601, and a wrong clock may say anything."""
    journal = opened(tmp_path)
    journal.add("a", 0, TEXT, stamp=Stamp(2**63 - 1, seconds * 10**9))
    journal.commit()
    journal.close()
    journal = opened(tmp_path)
    assert journal.has("a", 0, Stamp(2**63 - 1, seconds * 10**9))
    with pytest.raises(JournalError, match="a has changed"):
        journal.has("a", 0, Stamp(2**63 - 1, seconds * 10**9 + 1))


def test_vanished_evidence_is_refused(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    for name in "ab":
        journal.add(name, 0, TEXT, stamp=Stamp(1, 2))
    journal.commit()
    journal.check_all_met()
    journal.close()
    journal = opened(tmp_path)
    assert journal.has("a", 0, Stamp(1, 2))
    with pytest.raises(JournalError, match=r"1 files .* no longer there"):
        journal.check_all_met()


def test_a_journal_serves_one_process_at_a_time(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    for fresh in (False, True):
        with pytest.raises(JournalError, match="another imgscan is at work"):
            Journal(journal.path, fresh)
    journal.add("a", 0, TEXT)
    journal.commit()
    journal.close()
    assert opened(tmp_path).has("a", 0)


def test_fresh_replaces_a_damaged_journal(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.close()
    place = journal.path
    place.write_bytes(place.read_bytes()[:72] + b"broken" * 1000)
    with pytest.raises(JournalError, match=r"is damaged .* --fresh"):
        opened(tmp_path)
    assert not opened(tmp_path, fresh=True).resumed


def test_a_disk_that_is_still_full_does_not_cost_the_journal(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    journal = opened(tmp_path)
    journal.add("a", 0, TEXT)
    journal.hand_over(FILES)
    journal.close()
    journal = Journal(journal.path)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))  # no file may grow
    try:
        with pytest.raises(JournalError, match=r"is intact: make room .* same command again\."):
            journal.begin(IDENTITY)
    finally:
        journal.close()
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert opened(tmp_path).has("a", 0)


def test_a_file_that_a_scan_died_of_twice_is_set_aside(tmp_path: Path) -> None:
    """The whole scan really dies, twice, and the third run ends with a row that says so."""
    evidence = pictures(tmp_path / "evidence", 5)
    (evidence / "slow.gif").write_bytes(slow_gif())
    report = tmp_path / "report.csv"
    # As many workers as files, so that no picture waits behind the slow image.
    command = [evidence, "--report", report, "--timeout", "150", "--workers", "6"]
    for deaths in range(2):
        with start(*command, start_new_session=True) as scan:
            wait_until_reading(scan)
            wait_for(lambda: len(in_flight(report, tmp_path / "copy")) == 1, "the other answers")
            scan.send_signal(signal.SIGKILL)
            scan.wait()
            os.killpg(scan.pid, signal.SIGKILL)  # workers end by themselves, but in their own time
        assert in_flight(report, tmp_path / "copy") == [("slow.gif", deaths)]
    ended = run(*command)
    assert ended.returncode == 1
    with report.open(newline="") as stream:
        statuses = sorted(row["status"] for row in csv.DictReader(stream))
    assert statuses == ["crashed", *["scored"] * 5]
    assert "the whole scan died twice" in report.read_text()


def in_flight(report: Path, folder: Path) -> list[tuple[str, int]]:
    """Paths and deaths in a scan's journal; read from a copy, as the scan may hold its lock."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for suffix in ("", "-wal"):
        shutil.copy(f"{report}.journal{suffix}", folder)
    with closing(sqlite3.connect(folder / f"{report.name}.journal")) as journal:
        rows = journal.execute("SELECT path, deaths FROM in_flight").fetchall()
    return [(path, deaths) for path, deaths in rows]


def test_what_a_user_sees_of_refused_journals(tmp_path: Path) -> None:
    evidence = pictures(tmp_path / "evidence", 0)
    (evidence / "note.txt").write_bytes(b"a note")
    (evidence / "slow.gif").write_bytes(slow_gif())
    report = tmp_path / "report.csv"
    (tmp_path / "list.txt").write_text("ab" * 32)
    known = ["--known", tmp_path / "list.txt"]
    command = [evidence, "--report", report, "--timeout", "8", *known]
    with start(*command, start_new_session=True) as scan:
        wait_until_reading(scan)
        index = Path(f"{report}.journal-known")
        before = index.stat().st_ino, index.read_bytes()
        second = run(*command, "--fresh")
        assert second.returncode == 2
        assert second.stderr.startswith(f"Error: another imgscan is at work on {report}.journal")
        assert (index.stat().st_ino, index.read_bytes()) == before, "its workers read this"
        scan.send_signal(signal.SIGTERM)
        scan.communicate()

    other = run(*command, "--max-depth", "2")
    assert other.returncode == 2
    assert "another limits; repeat that command" in other.stderr

    os.utime(evidence / "note.txt", (1, 1))
    changed = run(*command)
    assert changed.returncode == 2
    assert changed.stderr.splitlines()[-1].startswith("Error: note.txt has changed since")
    (evidence / "slow.gif").unlink()
    assert run(*command, "--fresh").returncode == 0
    assert not list(tmp_path.glob("*journal*"))


def test_what_was_found_in_a_file_is_met_with_it(tmp_path: Path) -> None:
    """A search is not made twice of a file whose record followed those of all that it found."""
    journal = opened(tmp_path)
    for name in ("disk!/carved-9.jpg", "disk!/carved-10.png", "disk", "disk2!/carved-9.jpg"):
        journal.add(name, 0, TEXT)
    journal.add("disk!/carved-9.jpg", 3, TEXT)  # of a member that is called so
    journal.commit()
    journal.close()
    journal = opened(tmp_path)
    assert journal.has("disk", 0)
    with pytest.raises(JournalError, match=r"2 files .* no longer there"):
        journal.check_all_met()
    assert journal.has("disk!/carved-9.jpg", 3)
    assert journal.has("disk2!/carved-9.jpg", 0)
    journal.check_all_met()
