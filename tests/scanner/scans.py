"""Real scans in processes of their own, for tests of what a user sees."""

from __future__ import annotations

import contextlib
import io
import os
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.conftest import CIFAKE_MODEL

ROOT = Path(__file__).parents[2]
HANG_GUARD = 200  # seconds; only ends what would never end
SLOW_FRAMES, SLOW_FRAME_BYTES = 15_000_000, 15  # together more than an idle worker's memory


class Stuck(type(Path())):  # type: ignore[misc]
    """A file whose reading never ends, as on a network drive that is gone: no work, no answer."""

    def __fspath__(self) -> str:
        time.sleep(10_000)
        return ""


def picture(seed: int, kind: str = "PNG", side: int = 32) -> bytes:
    """A small image that no other seed gives."""
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind)
    return stream.getvalue()


def pictures(folder: Path, count: int) -> Path:
    """A folder of `count` images."""
    folder.mkdir(exist_ok=True)
    for n in range(count):
        (folder / f"{n}.png").write_bytes(picture(n))
    return folder


def start(*arguments: object, **options: Any) -> subprocess.Popen[str]:
    """Start a scan with the model for small pictures; its output is captured."""
    command = [sys.executable, "-m", "scanner", *map(str, arguments), "--device", "cpu"]
    if "--model" not in command:
        command += ["--model", CIFAKE_MODEL]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, env=environment, **(pipes | options))


def run(*arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a scan to its end."""
    with start(*arguments, **options) as scan:
        out, err = scan.communicate(timeout=HANG_GUARD)
    return subprocess.CompletedProcess(scan.args, scan.returncode, out, err)


def wait_for(happened: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + HANG_GUARD
    while not happened():
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.02)


def slow_gif(frames: int = SLOW_FRAMES) -> bytes:
    """An image whose frames take a decoder a long time to count, in little memory."""
    head = b"GIF89a" + struct.pack("<2H3B", 32, 32, 0x80, 0, 0) + bytes(6)
    frame = b"\x2c" + struct.pack("<4HB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\x00"
    return head + frame * frames + b";"


def alive(group: int) -> list[int]:
    """Processes of a process group that still run (Linux)."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            state, _, its_group = (place / "stat").read_text().rpartition(") ")[2].split()[:3]
            if int(its_group) == group and state not in "ZX":
                found.append(int(place.name))
    return found


def wait_until_reading(scan: subprocess.Popen[str]) -> None:
    """Wait until a worker of the scan, which leads its process group, has read a slow_gif()."""

    def is_reading(process: int) -> bool:
        with contextlib.suppress(OSError):
            if b"multiprocessing" not in Path(f"/proc/{process}/cmdline").read_bytes():
                return False  # no worker, or not yet one
            resident = int(Path(f"/proc/{process}/statm").read_text().split()[1])
            return resident * os.sysconf("SC_PAGE_SIZE") > SLOW_FRAMES * SLOW_FRAME_BYTES
        return False

    def has_begun() -> bool:
        assert scan.poll() is None, "the scan ended before a worker had read the slow image"
        return any(is_reading(process) for process in alive(scan.pid) if process != scan.pid)

    wait_for(has_begun, "a worker to read the slow image")
