"""What the processes have in common that read hostile bytes."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path


def confine(memory_bytes: int) -> None:
    """Make this process deaf to Ctrl-C, silent, and limited in memory where the system can."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent's to handle
    with Path(os.devnull).open("w") as nowhere:  # libraries complain of broken files on stderr
        os.dup2(nowhere.fileno(), 2)
    with contextlib.suppress(ImportError):  # Windows has no resource module
        import resource

        hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
        if hard == resource.RLIM_INFINITY or memory_bytes < hard:
            resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, hard))


def exit_reason(exitcode: int | None) -> str:
    """Why a process ended: a signal's name, or its exit code."""
    if exitcode is not None and exitcode < 0:
        return signal.Signals(-exitcode).name
    return f"exit code {exitcode}"
