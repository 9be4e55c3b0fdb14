"""Scans, and what they are compared with, run as users run them: time and memory of a command."""

from __future__ import annotations

import contextlib
import csv
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from scanner.cli.exits import EXIT_UNEXAMINED
from scanner.errors import ImgscanError
from scanner.limits import AUTO
from scanner.record import Status

START_FILES = 2  # of a scan that is as good as only its start
TRIES = 3
SAMPLE_SECONDS = 0.1
# An installed command finds its modules compiled; told to write none, it would compile hundreds of
# them at every start.
NEVER_INHERITED = "PYTHONDONTWRITEBYTECODE"
SAMPLE_SHARE = 20  # times as long as a sample took pass before the next: it costs the command cores


class ScanFailed(ImgscanError):
    """A scan did not finish, or not with a row for every file."""


@dataclass(frozen=True)
class Ran:
    """One command, from its start to its end.

    peak_bytes: most memory of the process and its children at once, pages that they share counted
    once (proportional set size; resident set size where the system has no other).
    """

    seconds: float
    peak_bytes: int
    returncode: int
    error: str


def imgscan(evidence: Path, reports: Sequence[Path], *options: object) -> list[str]:
    """The command line by which every benchmark scans: of this interpreter, and quiet."""
    named = [word for report in reports for word in ("--report", report)]
    words = [sys.executable, "-m", "scanner", evidence, *named, "--quiet", *options]
    return [str(word) for word in words]


def scan(
    evidence: Path,
    reports: Sequence[Path],
    model: str | Path,
    *options: object,
    files: int | None = None,
) -> Ran:
    """Scan `evidence` anew, start and reports included.

    reports: to write; the first is CSV. files: how many rows it must have; archives, which have
    rows of their own, are not among them. Raises ScanFailed when the scan does not finish or its
    rows are not as many.
    """
    ran = run_measured(imgscan(evidence, reports, "--model", model, "--fresh", *options))
    if ran.returncode not in (0, EXIT_UNEXAMINED):
        last = ran.error.strip() or f"exit code {ran.returncode}"
        raise ScanFailed(f"the scan of {evidence.name} failed: {last}")
    if files is not None and (rows := count_rows(reports[0])) != files:
        raise ScanFailed(f"the scan of {evidence.name} wrote {rows:,} rows for {files:,} files.")
    return ran


@dataclass(frozen=True)
class Scanned:
    """A scan with default settings and, measured beside it, its start: a scan of START_FILES."""

    files: int
    ran: Ran
    start: Ran

    @property
    def rate(self) -> float:
        """Files a second, the start taken off."""
        return (self.files - START_FILES) / (self.ran.seconds - self.start.seconds)


def scan_beside_start(whole: Path, few: Path, files: int, *options: object) -> Scanned:
    """Scan evidence of `files` files, and START_FILES like them in `few`.

    A pair of which the start took longer is scanned again. Raises ScanFailed.
    """
    for _ in range(TRIES):
        with tempfile.TemporaryDirectory() as place:
            reports = [Path(place) / "report.csv"]
            start = scan(few, reports, AUTO, *options, files=START_FILES)
            ran = scan(whole, reports, AUTO, *options, files=files)
        if ran.seconds > start.seconds:
            return Scanned(files, ran, start)
    raise ScanFailed(f"a scan starts too unevenly to be measured on {files:,} files.")


def count_rows(report: Path) -> int:
    """Rows of a CSV report but those of archives."""
    with report.open(newline="", encoding="utf-8") as stream:
        return sum(row["status"] != Status.CONTAINER for row in csv.DictReader(stream))


def run_measured(command: Sequence[str], without: Sequence[str] = ()) -> Ran:
    """Run a command, whose output nobody reads, and watch its whole process tree.

    without: environment variables that it does not get.
    """
    environment = inherited(without)
    started = time.perf_counter()
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment
    ) as process:
        assert process.stderr is not None
        os.set_blocking(process.stderr.fileno(), False)
        tree, peak, error = psutil.Process(process.pid), 0, b""
        while process.poll() is None:
            sampled = time.perf_counter()
            peak = max(peak, _memory(tree))
            error += process.stderr.read() or b""
            pause = max(SAMPLE_SECONDS, SAMPLE_SHARE * (time.perf_counter() - sampled))
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(pause)
        seconds = time.perf_counter() - started
        error += process.stderr.read() or b""
    return Ran(seconds, peak, process.returncode, error.decode(errors="replace"))


def inherited(without: Sequence[str] = ()) -> dict[str, str]:
    """The environment of a command that is measured, without these variables."""
    left_out = {NEVER_INHERITED, *without}
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    return {name: text for name, text in environment.items() if name not in left_out}


def _memory(tree: psutil.Process) -> int:
    total = 0
    with contextlib.suppress(psutil.Error):
        for process in [tree, *tree.children(recursive=True)]:
            with contextlib.suppress(psutil.Error):
                memory = process.memory_full_info()
                total += getattr(memory, "pss", memory.rss)
    return total
