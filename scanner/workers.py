"""Worker processes that a hostile file can kill, hang or fill without harming the scan.

An idle worker is sent a few files at once and answers them one by one, in order. When it dies or
stays silent, the first unanswered file is the culprit: that one gets its row, the others go back to
the queue. Only idle workers, which are waiting to receive, are ever sent anything, so neither side
can block the other.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import multiprocessing.connection
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from scanner.confine import confine, exit_reason
from scanner.examine import Examined, examine
from scanner.hashing import Hashing
from scanner.limits import Limits
from scanner.preprocess import Preprocessing
from scanner.record import Status
from scanner.sources.container import Found

CHUNK_FILES = 16  # sent to a worker at once: hides the pipe's latency
CHUNK_BYTES = 32 * 2**20  # of archive members in one chunk
FAILED_STARTS = 8  # in a row, before the scan gives up
START_SECONDS = 60.0  # a new process may take this long to import its libraries


class WorkerError(Exception):
    """The worker processes cannot do their work; the sentence says why."""


@dataclass(eq=False)
class _Worker:
    process: BaseProcess
    pipe: Connection
    waiting: deque[Found] = field(default_factory=deque)
    # When the first waiting file was handed over or reached the front.
    since: float = 0.0
    started: bool = False


class Workers:
    """A pool of `count` processes. Use as a context manager.

    Call `submit` while `room()`, and take what is done from `results`.
    """

    def __init__(
        self,
        count: int,
        preprocessing: Preprocessing,
        limits: Limits,
        hashing: Hashing = Hashing(),  # noqa: B008  immutable
    ) -> None:
        # Not fork: a copy of a process that runs inference threads may deadlock.
        methods = multiprocessing.get_all_start_methods()
        self._context: Any = multiprocessing.get_context(
            "forkserver" if "forkserver" in methods else "spawn"
        )
        if "forkserver" in methods:
            self._context.set_forkserver_preload(["scanner.examine", "PIL.Image"])
        self._preprocessing = preprocessing
        self._limits = limits
        self._hashing = hashing
        self._queue: deque[Found] = deque()
        self._queue_bytes = 0
        self._failed_starts = 0
        self._workers = [self._start() for _ in range(count)]

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            self._stop(worker)

    def room(self) -> bool:
        """Whether `submit` may be called."""
        files, size = CHUNK_FILES * len(self._workers), CHUNK_BYTES * len(self._workers)
        return len(self._queue) < files and self._queue_bytes < size

    def busy(self) -> bool:
        """Whether any result is still due."""
        return bool(self._queue) or any(worker.waiting for worker in self._workers)

    def submit(self, found: Found) -> None:
        self._queue.append(found)
        self._queue_bytes += _held_bytes(found)

    def results(self, wait: float) -> Iterator[tuple[Found, Examined]]:
        """Results that are ready, after waiting up to `wait` seconds for the first.

        The dead and the silent are replaced here; their files come back crashed or timeout.
        Raises WorkerError when no worker comes up.
        """
        self._dispatch()
        pipes = {worker.pipe: worker for worker in self._workers}
        deaths = {worker.process.sentinel: worker for worker in self._workers}
        ready = multiprocessing.connection.wait([*pipes, *deaths], wait)
        for worker in [worker for pipe, worker in pipes.items() if pipe in ready]:
            yield from self._receive(worker)
        for index, worker in enumerate(self._workers):
            dead = not worker.process.is_alive()
            if dead:
                yield from self._receive(worker)  # what it answered before it died
                self._count_start(worker)
            culprit = self._culprit(worker, dead)
            if culprit is not None or dead:
                self._workers[index] = self._replace(worker)
            if culprit is not None:
                yield culprit

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
        while self._queue and len(worker.waiting) < share and held < CHUNK_BYTES:
            found = self._queue.popleft()
            worker.waiting.append(found)
            held += _held_bytes(found)
        self._queue_bytes -= held
        worker.since = time.monotonic()
        with contextlib.suppress(OSError):  # a dead worker is met in results()
            worker.pipe.send([found.source for found in worker.waiting])

    def _receive(self, worker: _Worker) -> Iterator[tuple[Found, Examined]]:
        with contextlib.suppress(EOFError, OSError):
            while worker.pipe.poll():
                examined = worker.pipe.recv()
                worker.started = True
                worker.since = time.monotonic()
                if examined is not None:
                    found = worker.waiting.popleft()
                    yield found, examined

    def _count_start(self, worker: _Worker) -> None:
        """Raise WorkerError when dead workers, in a row, never came up."""
        self._failed_starts = 0 if worker.started else self._failed_starts + 1
        if self._failed_starts == FAILED_STARTS:
            reason = exit_reason(worker.process.exitcode)
            raise WorkerError(
                f"the decoding processes cannot start ({reason}); check the installation and the "
                "memory that is left."
            )

    def _culprit(self, worker: _Worker, dead: bool) -> tuple[Found, Examined] | None:
        """The file a worker died of or hangs on, with its row."""
        if not worker.waiting or (dead and not worker.started):
            return None
        size = len(source) if isinstance(source := worker.waiting[0].source, bytes) else None
        if dead:
            worker.process.join()
            reason = f"the decoder crashed ({exit_reason(worker.process.exitcode)})"
            return worker.waiting.popleft(), Examined(Status.CRASHED, reason, bytes=size)
        allowed = self._limits.seconds if worker.started else START_SECONDS + self._limits.seconds
        if time.monotonic() - worker.since > allowed:
            reason = f"decoding took longer than the limit of {self._limits.seconds:g} seconds"
            return worker.waiting.popleft(), Examined(Status.TIMEOUT, reason, bytes=size)
        return None

    def _replace(self, worker: _Worker) -> _Worker:
        self._stop(worker)
        self._queue.extendleft(reversed(worker.waiting))
        self._queue_bytes += sum(_held_bytes(found) for found in worker.waiting)
        return self._start()

    def _start(self) -> _Worker:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(
            target=_serve,
            args=(theirs, self._preprocessing, self._limits, self._hashing),
            daemon=True,
        )
        process.start()
        theirs.close()
        return _Worker(process, ours, since=time.monotonic())

    def _stop(self, worker: _Worker) -> None:
        worker.process.kill()
        worker.process.join()
        worker.pipe.close()


def _held_bytes(found: Found) -> int:
    return len(found.source) if isinstance(found.source, bytes) else 0


def _serve(
    pipe: Connection, preprocessing: Preprocessing, limits: Limits, hashing: Hashing
) -> None:
    """A worker's life: announce itself, then one answer for each source, in order."""
    confine(limits.memory_bytes)
    with contextlib.suppress(EOFError, OSError):  # the parent is gone
        pipe.send(None)
        while True:
            for source in pipe.recv():
                pipe.send(examine(source, preprocessing, limits, hashing))
