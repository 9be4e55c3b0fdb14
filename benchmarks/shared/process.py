"""Commands run as users run them, with the time and the memory they take."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

SAMPLE_SECONDS = 0.1
SAMPLE_SHARE = 20  # times as long as a sample took pass before the next: it costs the command cores


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


def run_measured(
    command: Sequence[str], output: Path | None = None, without: Sequence[str] = ()
) -> Ran:
    """Run a command and watch its whole process tree.

    output: where its standard output goes. without: environment variables that it does not get.
    """
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    environment = {name: text for name, text in environment.items() if name not in without}
    with contextlib.ExitStack() as stack:
        out = stack.enter_context(output.open("wb")) if output else subprocess.DEVNULL
        started = time.perf_counter()
        process = stack.enter_context(
            subprocess.Popen(command, stdout=out, stderr=subprocess.PIPE, env=environment)
        )
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


def imgscan(*arguments: object) -> list[str]:
    """The command line of a scan, by this interpreter."""
    return [sys.executable, "-m", "scanner", *map(str, arguments)]


def _memory(tree: psutil.Process) -> int:
    total = 0
    with contextlib.suppress(psutil.Error):
        for process in [tree, *tree.children(recursive=True)]:
            with contextlib.suppress(psutil.Error):
                memory = process.memory_full_info()
                total += getattr(memory, "pss", memory.rss)
    return total
