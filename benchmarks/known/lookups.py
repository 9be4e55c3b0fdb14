"""Look-ups in processes of their own, which import no more than a scan's workers do."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import psutil

from benchmarks.known.lists import WIDTH
from scanner.errors import ImgscanError
from scanner.hashes.known import KnownHashes
from scanner.processes import start

MEMORY_BYTES = 1 << 40  # nothing is to be refused

Asked = Callable[[str], object]  # true of a hexadecimal SHA-256 that is listed
Drawn = tuple[list[str], list[str]]  # listed hashes, and others


@dataclass(frozen=True)
class Measured:
    """One process, or several at once: look-ups a second together, the rest of the slowest.

    memory_bytes: by which a process grew until it had looked everything up, pages of files that it
    maps and shares with others left out.
    """

    hits: float
    misses: float
    opened_seconds: float
    memory_bytes: int


def open_known(known: KnownHashes) -> Asked:
    """As the workers of a scan do."""
    known.open()
    return known.match


def open_alone(database: Path) -> Asked:
    """The same database, as anybody would ask it."""
    connection = sqlite3.connect(database)
    ask = "SELECT 1 FROM FILE WHERE sha256 = ?"
    return lambda digest: connection.execute(ask, (digest.upper(),)).fetchone()


def open_set(digests: Path) -> Asked:
    """All of them in memory."""
    content = digests.read_bytes()
    known = {content[start : start + WIDTH] for start in range(0, len(content), WIDTH)}
    return lambda digest: bytes.fromhex(digest) in known


def measure(opener: Callable[[], Asked], drawn: Sequence[Drawn]) -> Measured:
    """Let as many new processes as there are draws look theirs up at once. Raises ImgscanError."""
    children = [start(look_up, MEMORY_BYTES, opener, mine) for mine in drawn]
    try:
        for child in children:
            child.receive()
        for child in children:
            child.pipe.send(None)
        found: list[Measured] = [child.receive() for child in children]
    except EOFError as error:
        raise ImgscanError(
            "a process died that looks hashes up, or found what is not so."
        ) from error
    finally:
        for child in children:
            child.process.kill()
            child.process.join()
            child.pipe.close()
    return Measured(
        hits=len(found) * min(it.hits for it in found),
        misses=len(found) * min(it.misses for it in found),
        opened_seconds=max(it.opened_seconds for it in found),
        memory_bytes=max(it.memory_bytes for it in found),
    )


def look_up(pipe: Connection, opener: Callable[[], Asked], drawn: Drawn) -> None:
    """A process's life: say when all is open, then wait for the others."""
    listed, others = drawn
    process = psutil.Process()
    before = _memory(process)
    started = time.perf_counter()
    asked = opener()
    opened = time.perf_counter() - started
    pipe.send(None)
    pipe.recv()
    hits = _rate(asked, listed, is_listed=True)
    misses = _rate(asked, others, is_listed=False)
    pipe.send(Measured(hits, misses, opened, _memory(process) - before))


def _memory(process: psutil.Process) -> int:
    used = process.memory_info()
    return int(used.rss - getattr(used, "shared", 0))


def _rate(asked: Asked, digests: list[str], is_listed: bool) -> float:
    started = time.perf_counter()
    found = sum(1 for digest in digests if asked(digest))
    seconds = time.perf_counter() - started
    assert found == len(digests) * is_listed, f"{found} of {len(digests)} were found"
    return len(digests) / seconds
