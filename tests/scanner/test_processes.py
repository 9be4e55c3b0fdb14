"""Protects: a process that meets evidence does no harm, and is not blamed for the job's pauses."""

from __future__ import annotations

import errno
import multiprocessing
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from scanner import processes
from scanner.environment import close_search_paths
from scanner.limits import Limits
from scanner.processes import Child, ProcessError, Watch, start
from scanner.record import Status
from scanner.roots import Roots
from scanner.sources.found import Found
from scanner.sources.isolated import _stop
from scanner.workers.pool import Workers
from tests.conftest import EVERY_SIZE, image_bytes
from tests.scanner.scans import (
    HANG_GUARD,
    alive,
    pictures,
    slow_gif,
    wait_until_reading,
)
from tests.scanner.scans import start as start_scan

MEMORY = 1 << 30
posix = pytest.mark.skipif(os.name != "posix", reason="POSIX processes and signals")

pytestmark = pytest.mark.usefixtures("search_paths")


def first_message(child: Child) -> object:
    assert child.pipe.poll(HANG_GUARD)
    message = child.receive()
    child.process.join(HANG_GUARD)
    return message


@pytest.mark.parametrize("method", ["forkserver", "spawn"] if os.name == "posix" else ["spawn"])
def test_a_child_that_cannot_import_says_why(
    method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before it is confined, when it could neither be heard nor keep what it compiled."""
    monkeypatch.setattr(multiprocessing, "get_all_start_methods", lambda: [method])
    child = start(misbehave, MEMORY, tmp_path, imported="scanner.nowhere")
    with pytest.raises(ProcessError, match=r"cannot import scanner\.nowhere: No module named"):
        first_message(child)


def misbehave(pipe: Connection, folder: Path) -> None:
    """What a library in a child may try; sends the names of the attempts that worked."""
    attempts: dict[str, Callable[[], object]] = {
        "run a program": lambda: subprocess.run([shutil.which("true") or "true"], check=True),
        "run a shell": lambda: os.system("true"),
        "become a program": lambda: os.execv("/bin/true", ["true"]),
        "fork": lambda: os.fork() or os._exit(0),
        "connect": lambda: socket.create_connection(("127.0.0.1", 9), 1),
        "look a name up": lambda: socket.getaddrinfo("localhost", 80),
        "write a file": lambda: (folder / "new").write_bytes(b"x"),
        "append to a file": lambda: (folder / "there").open("ab"),
        "open to write": lambda: os.open(folder / "there", os.O_RDWR),
        "delete": lambda: (folder / "there").unlink(),
        "rename": lambda: (folder / "there").rename(folder / "gone"),
        "link": lambda: (folder / "link").symlink_to("there"),
        "date": lambda: os.utime(folder / "there", (0, 0)),
        "make a folder": lambda: (folder / "sub").mkdir(),
    }
    worked = []
    for name, attempt in attempts.items():
        try:
            attempt()
            worked.append(name)
        except OSError as error:
            if error.errno != errno.EPERM:
                worked.append(f"{name}: {error}")
    worked += [] if (folder / "there").read_bytes() == b"evidence" else ["spoil"]
    pipe.send(worked)


@posix
def test_a_child_runs_nothing_reaches_nothing_and_writes_nothing(tmp_path: Path) -> None:
    (tmp_path / "there").write_bytes(b"evidence")
    assert first_message(start(misbehave, MEMORY, tmp_path)) == []
    assert [path.name for path in tmp_path.iterdir()] == ["there"]


def tell_where(pipe: Connection) -> None:
    pipe.send((str(Path.cwd()), sys.path))


def test_a_child_works_in_the_scanners_own_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Libraries look for parts of theirs in the current folder, which may be the evidence."""
    monkeypatch.chdir(tmp_path)
    close_search_paths(Roots([tmp_path]))
    told = first_message(start(tell_where, MEMORY))
    assert isinstance(told, tuple)
    assert told[0] == str(Path(processes.__file__).parent)
    assert not {"", ".", str(tmp_path)} & set(told[1])


@posix
def test_no_process_is_started_that_would_clear_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Starting one takes long; a program that scans may start its own, before or after."""
    tracker = vars(resource_tracker)["_resource_tracker"]
    monkeypatch.setattr(tracker, "_fd", None)
    first_message(start(tell_where, MEMORY))
    assert tracker._fd is None
    with Path(os.devnull).open("wb") as own:
        monkeypatch.setattr(tracker, "_fd", own.fileno())
        first_message(start(tell_where, MEMORY))
        assert tracker._fd == own.fileno()


def test_a_limit_that_the_system_refuses_is_no_files_fault() -> None:
    pytest.importorskip("resource")
    child = start(tell_where, 2**70)
    with pytest.raises(ProcessError, match=r"the system refuses the limit of .*--worker-memory"):
        first_message(child)


def test_a_watch_counts_the_time_of_looking_only(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    watch = Watch()
    now[0] = 0.5
    assert watch.lap() == 0.5
    now[0] = 3600.0  # stopped for an hour, or busy with something else
    assert watch.lap() == processes.LONGEST_LAP
    now[0] += 0.25
    assert watch.lap() == 0.25


def test_an_answer_that_waits_is_not_late() -> None:
    """Scores are waited for between one worker's answer and a look at the other."""
    slow = slow_gif(150_000)
    with Workers(2, EVERY_SIZE, Limits(seconds=2)) as workers:
        for n in range(2):  # both are up
            workers.submit(Found(str(n), 0, image_bytes(seed=n)))
        while workers.busy():
            list(workers.results(0.2))
        workers.submit(Found("quick", 0, image_bytes(seed=3)))
        workers.submit(Found("slow", 0, slow))
        statuses = {}
        while workers.busy():
            for found, examined in workers.results(5):
                statuses[found.path] = examined.status
                if len(statuses) == 1:
                    time.sleep(6)  # the parent is busy elsewhere, as with scoring
    assert statuses == {"quick": Status.SCORED, "slow": Status.SCORED}


@posix
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs Linux's /proc")
def test_a_job_that_was_stopped_finds_its_files_in_time(tmp_path: Path) -> None:
    """As with Ctrl-Z, for longer than any file may take."""
    evidence = pictures(tmp_path / "evidence", 3)
    (evidence / "slow.gif").write_bytes(slow_gif())
    command = [evidence, "--report", tmp_path / "out.csv", "--workers", "1", "--timeout", "6"]
    with start_scan(*command, start_new_session=True) as scan:
        wait_until_reading(scan)
        processes_of_the_job = alive(scan.pid)
        os.killpg(scan.pid, signal.SIGSTOP)
        time.sleep(8)
        os.killpg(scan.pid, signal.SIGCONT)
        stopped_until = time.monotonic()
        scan.communicate(timeout=HANG_GUARD)
    assert len(processes_of_the_job) > 1
    assert time.monotonic() - stopped_until > 2, "its time ran on from where it was"
    assert ",timeout," in (tmp_path / "out.csv").read_text(), "but does run out"


@posix
def test_ending_a_reader_that_never_started_ends_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Process group 0 is the caller's own."""
    killed: list[int] = []
    monkeypatch.setattr(os, "killpg", lambda group, _: killed.append(group))

    class NeverStarted:
        pid = None

        def kill(self) -> None: ...

        def join(self) -> None: ...

    class Closed:
        def close(self) -> None: ...

    _stop(Child(NeverStarted(), Closed()))  # type: ignore[arg-type]
    assert killed == []
