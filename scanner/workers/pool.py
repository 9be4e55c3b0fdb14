"""Worker processes that a hostile file can kill, hang or fill without harming the scan.

An idle worker is sent a few files at once and answers them one by one, in order. When it dies or
stays silent, the first unanswered file is the culprit: that one gets its row, the others go back to
the queue. Only idle workers, which are waiting to receive, are ever sent anything, so neither side
can block the other.
"""

from __future__ import annotations

import contextlib
import logging
import multiprocessing.connection
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from scanner.containers.sources import in_memory
from scanner.hashes.hashing import Hashing
from scanner.limits import Limits
from scanner.processes import (
    START_SECONDS,
    Child,
    ProcessError,
    Watch,
    exit_reason,
    start,
    worked_too_long,
)
from scanner.record import Status
from scanner.sources.found import Found
from scanner.workers import SERVED_BY
from scanner.workers.examined import Examined, Views
from scanner.workers.messages import OUT_OF_MEMORY, send_files

CHUNK_FILES = 16  # sent to a worker at once: hides the pipe's latency
CHUNK_BYTES = 32 * 2**20  # of archive members in one chunk
STOP_SECONDS = 1.0  # for a killed process to vanish
LATE_SECONDS = 1.0  # the system, which counts what a worker computes, comes first
FAILED_STARTS = 3  # in a row, a worker

logger = logging.getLogger(__name__)


@dataclass(eq=False)
class _Worker:
    child: Child
    waiting: deque[Found] = field(default_factory=deque)
    silent: float = 0.0  # watched seconds since it was sent files or last said something
    read: int = 0  # bytes of the file that it is at, as far as it has said


class Workers:
    """A pool of `count` processes. Use as a context manager.

    Call `submit` while `room()`, and take what is done from `results`.
    """

    def __init__(
        self,
        count: int,
        views: Views,
        limits: Limits,
        hashing: Hashing = Hashing(),  # noqa: B008  immutable
        carve: bool = True,
        trust_anchors: str = "",
        pictures: bool = False,
    ) -> None:
        self._limits = limits
        self._life = (views, limits, hashing, carve, trust_anchors, pictures)
        self._queue: deque[Found] = deque()
        self._queue_bytes = 0
        self._failed_starts = 0
        self._watch = Watch()
        self._workers = [self._start() for _ in range(count)]

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.child.process.kill()
        for worker in self._workers:
            self._stop(worker)

    def room(self) -> bool:
        """Whether `submit` may be called."""
        files, size = CHUNK_FILES * len(self._workers), CHUNK_BYTES * len(self._workers)
        return len(self._queue) < files and self._queue_bytes < size

    def busy(self) -> bool:
        """Whether any result is still due."""
        return bool(self._queue) or any(worker.waiting for worker in self._workers)

    def reading(self) -> tuple[Found, int] | None:
        """The file of which the most was read among those at work, and how many bytes of it."""
        at_work = (worker for worker in self._workers if worker.read and worker.waiting)
        worker = max(at_work, key=lambda worker: worker.read, default=None)
        return None if worker is None else (worker.waiting[0], worker.read)

    def submit(self, found: Found) -> None:
        self._queue.append(found)
        self._queue_bytes += held_bytes(found)

    def results(self, wait: float) -> Iterator[tuple[Found, Examined]]:
        """Results that are ready, after waiting up to `wait` seconds for the first.

        The dead and the silent are replaced here; their files come back crashed or timeout.
        Raises ProcessError when no worker comes up.
        """
        self._dispatch()
        pipes = {worker.child.pipe: worker for worker in self._workers}
        deaths = [worker.child.process.sentinel for worker in self._workers]
        ready = multiprocessing.connection.wait([*pipes, *deaths], wait)
        lap = self._watch.lap()
        for worker in self._workers:
            worker.silent += lap
        for worker in [worker for pipe, worker in pipes.items() if pipe in ready]:
            yield from self._receive(worker)
        for index, worker in enumerate(self._workers):
            if worker.child.process.sentinel not in ready:
                if not self._is_late(worker):
                    continue
                outcome = self._timeout()
            else:
                yield from self._receive(worker)  # what it answered before it died
                worker.child.process.join()
                outcome = self._fate(worker.child.process.exitcode)
            # A worker that never started did not die of a file.
            culprit = worker.waiting.popleft() if worker.child.started and worker.waiting else None
            self._workers[index] = self._replace(worker)
            if culprit is not None:
                yield culprit, replace(outcome, bytes=_file_bytes(culprit))

    def _dispatch(self) -> None:
        for worker in self._workers:
            if not self._queue:
                return
            if not worker.waiting:
                self._send_chunk(worker)

    def _send_chunk(self, worker: _Worker) -> None:
        # A fair share, so that the last files of a scan do not all wait for one worker.
        share = max(1, min(CHUNK_FILES, len(self._queue) // len(self._workers)))
        held = 0
        while self._queue and len(worker.waiting) < share:
            size = held_bytes(self._queue[0])
            if worker.waiting and held + size > CHUNK_BYTES:
                break
            worker.waiting.append(self._queue.popleft())
            held += size
        self._queue_bytes -= held
        worker.silent = 0.0
        with contextlib.suppress(OSError):  # a dead worker is met in results()
            send_files(worker.child.pipe, worker.waiting)

    def _receive(self, worker: _Worker) -> Iterator[tuple[Found, Examined]]:
        with contextlib.suppress(EOFError, OSError):
            while worker.child.pipe.poll():
                answer = worker.child.receive()
                self._failed_starts = 0
                worker.silent = 0.0
                worker.read = answer if isinstance(answer, int) else 0
                if isinstance(answer, Examined):
                    yield worker.waiting.popleft(), answer

    def _is_late(self, worker: _Worker) -> bool:
        """Whether a worker hangs, be it on a file or before it starts."""
        allowed = self._limits.seconds + LATE_SECONDS
        if not worker.child.started:
            allowed += START_SECONDS
        # An answer may have come since the pipes were looked at, as scores were waited for.
        return bool(worker.waiting) and worker.silent > allowed and not worker.child.pipe.poll()

    def _fate(self, exitcode: int | None) -> Examined:
        """What became of the file a worker died of."""
        if worked_too_long(exitcode):
            return self._timeout()
        if exitcode == OUT_OF_MEMORY:
            limit = self._limits.memory_bytes
            reason = f"examining it needs more memory than the limit of {limit:,} bytes"
            return Examined(Status.OVER_LIMIT, reason)
        return Examined(Status.CRASHED, f"the decoder crashed ({exit_reason(exitcode)})")

    def _timeout(self) -> Examined:
        reason = f"decoding took longer than the limit of {self._limits.seconds:g} seconds"
        return Examined(Status.TIMEOUT, reason)

    def _replace(self, worker: _Worker) -> _Worker:
        process = worker.child.process
        self._failed_starts += not worker.child.started
        if self._failed_starts > FAILED_STARTS * len(self._workers):
            raise ProcessError(
                f"worker processes die as soon as they start ({exit_reason(process.exitcode)}); "
                "try --workers 1, more memory for each (--worker-memory), or look for what kills "
                "them."
            )
        process.kill()
        self._stop(worker)
        logger.info("a worker was replaced: %s", exit_reason(process.exitcode))
        self._queue.extendleft(reversed(worker.waiting))
        self._queue_bytes += sum(held_bytes(found) for found in worker.waiting)
        return self._start()

    def _start(self) -> _Worker:
        memory = self._limits.memory_bytes
        return _Worker(start(_serve, memory, *self._life, imported=SERVED_BY))

    def _stop(self, worker: _Worker) -> None:
        # Not for ever: a process inside a dead network drive cannot even be killed.
        worker.child.process.join(STOP_SECONDS)
        worker.child.pipe.close()


def _serve(*life: Any) -> None:
    """A worker's life; here, so that this process needs none of its libraries."""
    from scanner.workers.serve import serve

    serve(*life)


def held_bytes(found: Found) -> int:
    """Bytes of an archive member that are kept in memory until it is done."""
    return len(in_memory(found.source) or b"")


def _file_bytes(found: Found) -> int | None:
    if (held := in_memory(found.source)) is not None:
        return len(held)
    if found.part is not None:
        return None
    return found.stamp.bytes if found.stamp else None
