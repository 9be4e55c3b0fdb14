"""Protects: a scan that is told to stop does so at once, once, in a sentence and with order."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scanner.scans import (
    HANG_GUARD,
    ROOT,
    alive,
    pictures,
    run,
    slow_gif,
    start,
    wait_for,
    wait_until_reading,
)

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs Linux's /proc")


@pytest.fixture
def temporary() -> Iterator[Path]:
    """An empty folder of a short name: a socket's has room for no more than 107 characters."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=str)
@pytest.mark.parametrize("whole_group", [True, False])
def test_stops_cleanly_and_carries_on(
    number: signal.Signals,
    whole_group: bool,
    tmp_path: Path,
    temporary: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    evidence = pictures(tmp_path / "evidence", 30)
    (evidence / "slow.gif").write_bytes(slow_gif())
    monkeypatch.setenv("TMPDIR", str(temporary))
    report, log = tmp_path / "report.csv", tmp_path / "log"
    command = [evidence, "--report", report, "--workers", "2", "--timeout", "6", "--log", log]
    with start(*command, start_new_session=True) as scan:
        wait_until_reading(scan)
        for _ in range(3):  # an impatient user
            (os.killpg if whole_group else os.kill)(scan.pid, number)
            time.sleep(0.1)
        out, err = scan.communicate(timeout=HANG_GUARD)
    assert scan.returncode == 2
    assert (out, err) == ("", "Error: interrupted; the same command carries on from here.\n")
    wait_for(lambda: not alive(scan.pid), "the workers to end")
    wait_for(lambda: not list(temporary.iterdir()), "temporary files to vanish")

    ended = run(*command)
    assert "carrying on from the journal" in ended.stderr
    assert ended.returncode == 1
    rows = report.read_text().splitlines()
    assert len(rows) == 32
    assert sum(",timeout," in row for row in rows) == 1, "a user's stop is held against no file"


def test_workers_of_a_killed_scan_end_by_themselves(tmp_path: Path) -> None:
    (tmp_path / "slow.gif").write_bytes(slow_gif())
    log = tmp_path / "log"
    evidence = tmp_path / "slow.gif"
    with start(evidence, "--timeout", "5", "--log", log, start_new_session=True) as scan:
        wait_until_reading(scan)
        scan.kill()
        scan.communicate()
    wait_for(lambda: not alive(scan.pid), "the workers to end")


def test_a_command_that_cannot_stop_is_ended() -> None:
    program = """
import time
from scanner.cli.interrupts import stoppable

with stoppable("interrupted.", 2):
    while True:
        try:
            print("ready", flush=True)
            time.sleep(60)
        except KeyboardInterrupt:
            pass
"""
    command = [sys.executable, "-c", program]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=HANG_GUARD)
    assert process.returncode == 2
    assert err == "Error: interrupted.\n"


def test_signals_are_as_before_afterwards() -> None:
    from scanner.cli.interrupts import stoppable
    from scanner.environment import STOP_SIGNALS

    before = [signal.getsignal(number) for number in STOP_SIGNALS]
    with stoppable("interrupted.", 2):
        assert signal.getsignal(signal.SIGTERM) not in before
    assert [signal.getsignal(number) for number in STOP_SIGNALS] == before


def test_one_amid_code_made_of_text_ends_with_the_exit_code_too(tmp_path: Path) -> None:
    """Such as while a module defines its dataclasses: `python -m` would end by the signal."""
    program = """
from scanner.cli.exits import StopError, told

try:
    with told("the command"):
        exec("raise KeyboardInterrupt")
except StopError as error:
    error.show()
    raise SystemExit(error.exit_code)
"""
    (tmp_path / "stopped.py").write_text(program)
    command = [sys.executable, "-m", "stopped"]
    found = os.pathsep.join([str(tmp_path), str(ROOT)])
    ended = subprocess.run(
        command, env=os.environ | {"PYTHONPATH": found}, capture_output=True, text=True
    )
    assert (ended.returncode, ended.stderr) == (2, "Error: interrupted.\n")
