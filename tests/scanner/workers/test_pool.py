"""Protects: a decoder that dies, hangs or fills its memory costs its own file and nothing else.

A worker that is killed while it reads a file that is Stuck has died in the middle of a file.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path

import pytest
from PIL import Image

from scanner.hashes.hashing import Hashing
from scanner.hashes.known import KnownHashes, read_lists
from scanner.hashes.lists.hash_list import HashList
from scanner.limits import Limits
from scanner.processes import ProcessError
from scanner.record import Status
from scanner.sources.found import Fate, Found
from scanner.workers.examined import Examined
from scanner.workers.pool import Workers
from tests.conftest import EVERY_SIZE, encoded, image_bytes
from tests.scanner.scans import Stuck

pytestmark = pytest.mark.skipif(os.name != "posix", reason="POSIX signals and pipes")

OPENED = Fate("an archive", Status.CONTAINER, "an archive; what is in it has rows of its own")
HANG_GUARD = 100  # seconds; ends a test that would never end
QUIET_SECONDS = 3.0  # a worker without an answer for so long is inside its file


def answers(
    workers: Workers,
    files: Iterable[Found],
    meanwhile: Callable[[dict[str, Examined]], None] = lambda _: None,
) -> dict[str, Examined]:
    """Path to what was answered; each file is answered once."""
    queue = list(files)
    count = len(queue)
    answered: dict[str, Examined] = {}
    end = time.monotonic() + HANG_GUARD
    while queue or workers.busy():
        assert time.monotonic() < end, f"only {len(answered)} of {count} files were answered"
        while queue and workers.room():
            workers.submit(queue.pop(0))
        for found, examined in workers.results(0.2):
            assert found.path not in answered
            answered[found.path] = examined
        meanwhile(answered)
    assert len(answered) == count
    return answered


def images(count: int, prefix: str = "image") -> list[Found]:
    return [Found(f"{prefix}{n}", 0, image_bytes(seed=n)) for n in range(count)]


class Killer:
    """Kills the worker that is stuck inside a file, once nothing else moves any more."""

    def __init__(self, workers: Workers, number: signal.Signals) -> None:
        self._workers, self._number = workers, number
        self._count, self._since = 0, time.monotonic()

    def __call__(self, answered: dict[str, Examined]) -> None:
        if len(answered) != self._count or not answered:
            self._count, self._since = len(answered), time.monotonic()
        elif time.monotonic() - self._since > QUIET_SECONDS:
            for worker in self._workers._workers:
                if worker.waiting and worker.child.process.pid:
                    os.kill(worker.child.process.pid, self._number)
            self._since = time.monotonic()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_crash_costs_its_own_file(number: signal.Signals) -> None:
    files = [*images(40), Found("culprit", 0, Stuck()), *images(20, "later")]
    with Workers(2, EVERY_SIZE, Limits()) as workers:
        answered = answers(workers, files, Killer(workers, number))
    culprit = answered.pop("culprit")
    assert culprit.status is Status.CRASHED
    assert culprit.error is not None
    assert number.name in culprit.error
    assert {examined.status for examined in answered.values()} == {Status.SCORED}


@pytest.mark.parametrize("count", [1, 3])
def test_a_hang_costs_its_own_file(count: int) -> None:
    files = [*images(30), Found("culprit", 0, Stuck()), *images(30, "later")]
    with Workers(count, EVERY_SIZE, Limits(seconds=2)) as workers:
        answered = answers(workers, files)
    culprit = answered.pop("culprit")
    assert culprit.status is Status.TIMEOUT
    assert culprit.error is not None
    assert "limit of 2 seconds" in culprit.error
    assert {examined.status for examined in answered.values()} == {Status.SCORED}


def test_hashing_may_last_if_it_goes_on(tmp_path: Path) -> None:
    """An archive of many gigabytes takes longer than any one image may."""
    with (tmp_path / "archive").open("wb") as stream:
        stream.truncate(1 << 30)
    archive = Found("archive", 0, tmp_path / "archive", fate=OPENED)
    with Workers(1, EVERY_SIZE, Limits(seconds=0.3)) as workers:
        answered = answers(workers, [*images(2), archive, *images(2, "later")])
    examined = answered.pop("archive")
    assert (examined.status, examined.bytes) == (Status.CONTAINER, 1 << 30)
    assert examined.sha256 is not None
    assert {examined.status for examined in answered.values()} == {Status.SCORED}


def test_hashing_that_hangs_ends() -> None:
    archive = Found("archive", 0, Stuck(), fate=OPENED)
    with Workers(1, EVERY_SIZE, Limits(seconds=2)) as workers:
        answered = answers(workers, [*images(2), archive, *images(2, "later")])
    assert answered.pop("archive").status is Status.TIMEOUT
    assert {examined.status for examined in answered.values()} == {Status.SCORED}


def test_several_hangs_in_one_chunk() -> None:
    hangs = [Found(f"hang{n}", 0, Stuck()) for n in range(3)]
    files = [file for group in zip(hangs, images(3), strict=True) for file in group]
    with Workers(1, EVERY_SIZE, Limits(seconds=1)) as workers:
        answered = answers(workers, files)
    for path, examined in answered.items():
        expected = Status.TIMEOUT if path.startswith("hang") else Status.SCORED
        assert examined.status is expected


def test_an_idle_worker_that_dies_costs_nothing() -> None:
    with Workers(1, EVERY_SIZE, Limits()) as workers:
        assert len(answers(workers, images(3))) == 3
        os.kill(workers._workers[0].child.process.pid or 0, signal.SIGKILL)
        workers._workers[0].child.process.join()
        answered = answers(workers, images(3))
    assert {examined.status for examined in answered.values()} <= {Status.SCORED, Status.CRASHED}


def test_too_much_memory_costs_its_own_file() -> None:
    huge = encoded(Image.new("1", (13_000, 13_000)), "PNG")
    files = [*images(5), Found("huge", 0, huge), *images(5, "later")]
    limits = Limits(memory_bytes=500 * 2**20)
    with Workers(1, EVERY_SIZE, limits) as workers:
        answered = answers(workers, files)
    assert answered.pop("huge").status is Status.OVER_LIMIT
    assert {examined.status for examined in answered.values()} == {Status.SCORED}


def test_files_are_read_where_they_lie(tmp_path: Path) -> None:
    good, gone = tmp_path / "good.jpg", tmp_path / "gone.jpg"
    good.write_bytes(image_bytes())
    with Workers(1, EVERY_SIZE, Limits()) as workers:
        answered = answers(workers, [Found("good", 0, good), Found("gone", 0, gone)])
    assert answered["good"].sha256 is not None
    assert answered["good"].view is not None
    assert answered["good"].view.shape == (32, 32, 3)
    assert answered["gone"].status is Status.UNREADABLE
    assert answered["gone"].error == "the file cannot be read: No such file or directory"


def test_large_members_do_not_block_the_pool() -> None:
    large = [Found(f"large{n}", 0, b"x" * (9 << 20)) for n in range(10)]
    with Workers(2, EVERY_SIZE, Limits()) as workers:
        answered = answers(workers, [*large, *images(10)])
    assert sum(examined.status is Status.NOT_IMAGE for examined in answered.values()) == 10
    assert sum(examined.status is Status.SCORED for examined in answered.values()) == 10


def test_processes_that_never_come_up_end_the_scan(monkeypatch: pytest.MonkeyPatch) -> None:
    """As when memory is out or the installation broken: no file may be blamed for it."""
    monkeypatch.setattr("scanner.workers.pool._serve", exit_at_once)
    with Workers(1, EVERY_SIZE, Limits()) as workers:
        workers.submit(Found("innocent.png", 0, b"content"))
        with pytest.raises(ProcessError, match="die as soon as they start"):
            answered_until_it_ends(workers)


def test_no_file_is_blamed_for_a_hash_list_that_is_gone(tmp_path: Path) -> None:
    known = KnownHashes(tmp_path / "gone", (HashList("list", "ab" * 32, 1),), (tmp_path,))
    with Workers(1, EVERY_SIZE, Limits(), Hashing(known=known)) as workers:
        workers.submit(Found("innocent.png", 0, b"content"))
        with pytest.raises(ProcessError, match="die as soon as they start"):
            answered_until_it_ends(workers)


def test_a_hash_database_that_turns_out_damaged_ends_the_scan(tmp_path: Path) -> None:
    """A file in it must not pass for one that no list holds, nor be blamed."""
    file = tmp_path / "list.db"
    with closing(sqlite3.connect(file)) as database:
        database.execute("CREATE TABLE t (sha256 TEXT PRIMARY KEY)")
        database.executemany("INSERT INTO t VALUES (?)", ([f"{it:064x}"] for it in range(9_999)))
        database.commit()
    known = read_lists([file], tmp_path / "index")
    before = file.stat()
    data = bytearray(file.read_bytes())
    data[8192:-8192] = bytes(len(data) - 16384)
    file.write_bytes(data)
    for modified, told in (
        (before.st_mtime_ns, r"list\.db cannot be read: .*malformed; look"),
        (0, r"list\.db was changed during the scan"),
    ):
        os.utime(file, ns=(modified, modified))
        with Workers(1, EVERY_SIZE, Limits(), Hashing(known=known)) as workers:
            workers.submit(Found("innocent.png", 0, b"content"))
            with pytest.raises(ProcessError, match=told):
                answered_until_it_ends(workers)
    file.unlink()
    with Workers(1, EVERY_SIZE, Limits(), Hashing(known=known)) as workers:
        workers.submit(Found("innocent.png", 0, b"content"))
        with pytest.raises(ProcessError, match=r"list\.db cannot be read any more: No such file"):
            answered_until_it_ends(workers)


def answered_until_it_ends(workers: Workers) -> None:
    while True:
        assert list(workers.results(1)) == []


def exit_at_once(*_: object) -> None:
    raise SystemExit(3)
