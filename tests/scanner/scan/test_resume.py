"""Protects: an interrupted scan loses nothing, carries on, and ends as if never interrupted."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.conftest import HANG_GUARD, command, environment, image_bytes, imgscan
from tests.scanner.walking import zipped

pytestmark = pytest.mark.skipif(os.name != "posix", reason="POSIX signals")

FILES = 500


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Enough that a scan can be interrupted in the middle, in a folder and in an archive."""
    root = tmp_path_factory.mktemp("evidence")
    for n in range(FILES):
        (root / f"{n}.png").write_bytes(image_bytes("PNG", n))
    members = [(f"{n}.png", image_bytes("PNG", n + FILES // 2)) for n in range(FILES)]
    (root / "pack.zip").write_bytes(zipped(members))
    return root


@pytest.fixture(scope="module")
def uninterrupted(evidence: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    report = tmp_path_factory.mktemp("uninterrupted") / "out.csv"
    assert imgscan(evidence, *options(report)).returncode == 0
    return report.read_bytes()


def options(report: Path) -> list[str | Path]:
    return ["--device", "cpu", "--workers", "2", "--report", report]


def recorded(journal: Path, folder: Path) -> int:
    """Files in the journal that a scan left; counted in a copy, to leave it as it is."""
    folder.mkdir()
    for part in journal.parent.glob(f"{journal.name}*"):
        shutil.copy(part, folder)
    with closing(sqlite3.connect(folder / journal.name)) as database:
        (count,) = database.execute("SELECT count(*) FROM file").fetchone()
        return int(count)


def under_way(journal: Path) -> bool:
    """Whether a running scan has committed records; SQLite appends them to this file."""
    log = journal.with_name(f"{journal.name}-wal")
    return log.exists() and log.stat().st_size > 200_000


def interrupt(evidence: Path, report: Path, number: signal.Signals) -> tuple[int, str]:
    """Send a signal to a scan in its middle. Gives exit code and what was printed.

    Ctrl-C reaches every process of the terminal's group, so SIGINT goes to all of them.
    """
    journal = report.with_name(f"{report.name}.journal")
    process = subprocess.Popen(
        command(evidence, *options(report)),
        env=environment(),
        stderr=subprocess.PIPE,
        encoding="utf-8",
        start_new_session=True,
    )
    end = time.monotonic() + HANG_GUARD
    while not under_way(journal) and process.poll() is None and time.monotonic() < end:
        time.sleep(0.02)
    if number == signal.SIGINT:
        os.killpg(process.pid, number)
    else:
        process.send_signal(number)
    _, printed = process.communicate(timeout=HANG_GUARD)
    count = recorded(journal, report.parent / "copy")
    assert 0 < count < 2 * FILES, "the scan was interrupted in its middle"
    shutil.rmtree(report.parent / "copy")
    assert not report.exists()
    return process.returncode, printed


def test_ctrl_c_then_the_same_command(evidence: Path, uninterrupted: bytes, tmp_path: Path) -> None:
    report = tmp_path / "out.csv"
    returncode, printed = interrupt(evidence, report, signal.SIGINT)
    assert returncode == 2
    assert "interrupted; the same command carries on from here." in printed
    assert "Traceback" not in printed
    done = imgscan(evidence, *options(report), "--batch-size", "3")
    assert done.returncode == 0, done.stderr
    assert "carrying on" in done.stderr
    assert report.read_bytes() == uninterrupted
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"out.csv", "out.csv.manifest.json"}


def test_a_killed_scan_then_the_same_command(
    evidence: Path, uninterrupted: bytes, tmp_path: Path
) -> None:
    report = tmp_path / "out.csv"
    interrupt(evidence, report, signal.SIGKILL)
    done = imgscan(evidence, *options(report))
    assert done.returncode == 0, done.stderr
    assert "carrying on" in done.stderr
    assert report.read_bytes() == uninterrupted


@pytest.mark.parametrize("seed", range(2))
def test_a_scan_that_is_killed_twice_ends_as_if_it_never_was(
    seed: int, evidence: Path, uninterrupted: bytes, tmp_path: Path
) -> None:
    """The second kill comes while the files that were in flight at the first are tried again."""
    moments = random.Random(seed)
    report = tmp_path / "out.csv"
    for most in (400_000, 200_000):
        kill(evidence, report, after=moments.uniform(0, most))
    done = imgscan(evidence, *options(report))
    assert done.returncode == 0, done.stderr
    assert report.read_bytes() == uninterrupted


def kill(evidence: Path, report: Path, after: float) -> None:
    """Kill a scan once it has added `after` bytes to its journal's log."""
    log = report.with_name(f"{report.name}.journal-wal")
    before = log.stat().st_size if log.exists() else 0
    process = subprocess.Popen(command(evidence, *options(report), "--quiet"), env=environment())
    end = time.monotonic() + HANG_GUARD
    while process.poll() is None and time.monotonic() < end:
        if log.exists() and log.stat().st_size > before + after:
            break
        time.sleep(0.001)
    process.kill()
    assert process.wait() == -signal.SIGKILL, "the scan was killed in its middle"


def test_a_killed_scan_then_another_command(
    evidence: Path, uninterrupted: bytes, brightness_model: Path, tmp_path: Path
) -> None:
    report = tmp_path / "out.csv"
    interrupt(evidence, report, signal.SIGKILL)
    before = recorded(tmp_path / "out.csv.journal", tmp_path / "before")
    for done in (
        imgscan(evidence, "--model", brightness_model, *options(report)),
        imgscan(evidence / "pack.zip", *options(report)),
    ):
        assert done.returncode == 2
        assert "--fresh" in done.stderr
        assert "Traceback" not in done.stderr
    assert recorded(tmp_path / "out.csv.journal", tmp_path / "after") == before
    done = imgscan(evidence, *options(report), "--fresh")
    assert done.returncode == 0, done.stderr
    assert "carrying on" not in done.stderr
    assert report.read_bytes() == uninterrupted
