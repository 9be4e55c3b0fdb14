"""A process that scans and verifies as it is asked to, one time after the other.

One that stays warm does many times what a command does once. Jobs come as JSON lines on standard
input, answers go to standard output. It is run as `python -c`, so that children import nothing of
it, and by `scanning.Scans` alone.
"""

from __future__ import annotations

import contextlib
import faulthandler
import json
import multiprocessing
import os
import sys
import traceback
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

CHILDREN_IMPORT = [
    "scanner.workers.examine",
    "scanner.containers.mail",
    "PIL.Image",
    "py7zr",
    "rarfile",
]


def serve() -> None:
    """Answer jobs until the input ends. A job that hangs ends this process, with a traceback."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    multiprocessing.set_forkserver_preload(CHILDREN_IMPORT)
    forkserver.ensure_running()
    for line in sys.stdin:
        job = json.loads(line)
        faulthandler.dump_traceback_later(job["patience"], exit=True)
        trouble = None
        try:
            _verify(job) if job["verify"] else _scan(job)
        except Exception:
            trouble = traceback.format_exc()
        faulthandler.cancel_dump_traceback_later()
        answer = {"trouble": trouble, "open": _open_below(job["root"])}
        print(json.dumps(answer), file=answers, flush=True)


def _scan(job: dict[str, Any]) -> None:
    from scanner.limits import Limits
    from scanner.scan import Request, run_scan

    run_scan(
        Request(
            paths=tuple(map(Path, job["paths"])),
            reports=(Path(job["report"]),),
            model=job["model"],
            device="cpu",
            workers=job["workers"],
            limits=Limits(**job["limits"]),
            fresh=True,
        )
    )


def _verify(job: dict[str, Any]) -> None:
    from scanner.custody.verify import verify

    for _ in verify(Path(job["report"]), None, tuple(map(Path, job["paths"]))):
        pass


def _open_below(root: str) -> list[str]:
    """What this process holds open in the evidence as it is now."""
    places = []
    for link in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # that of the folder's own listing
            places.append(str(link.readlink()))
    return [place for place in places if place.startswith(root) and Path(place).exists()]
