"""How long a scan lets one wait for its first row."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
import termios
import time
from pathlib import Path

from benchmarks.shared.process import ScanFailed, inherited

GIVE_UP_SECONDS = 300
# The bar counts what the journal holds, and is drawn after each commit.
COUNTED = re.compile(rb"\b[1-9]\d*file \[")


def seconds_to_first_row(evidence: Path, report: Path, listed: bool) -> float:
    """Seconds from the start of the process until its progress bar counts a file.

    listed: whether `evidence` is a list of paths, for standard input. The scan is then killed.
    Raises ScanFailed, also after GIVE_UP_SECONDS.
    """
    words = ["-" if listed else evidence, "--report", report, "--fresh"]
    ours, terminal = pty.openpty()
    termios.tcsetwinsize(terminal, (24, 80))  # no bar is drawn on one without columns
    said = b""
    with (evidence if listed else Path(os.devnull)).open("rb") as given:
        started = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", "scanner", *map(str, words)],
            stdin=given,
            stdout=subprocess.DEVNULL,
            stderr=terminal,
            env=inherited(),
        )
    os.close(terminal)
    try:
        while not COUNTED.search(said):
            left = started + GIVE_UP_SECONDS - time.perf_counter()
            if left <= 0 or not select.select([ours], [], [], left)[0]:
                raise ScanFailed(f"there was no row after {GIVE_UP_SECONDS} s.")
            said += os.read(ours, 2**16)
        return time.perf_counter() - started
    except OSError as error:  # nobody has the terminal open any more
        raise ScanFailed(f"the scan ended before a row: {said.decode()[-200:]}") from error
    finally:
        process.kill()
        process.wait()
        os.close(ours)
