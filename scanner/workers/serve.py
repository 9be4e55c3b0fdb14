"""A worker's life, in its own process."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from multiprocessing.connection import Connection

import numpy.ma  # noqa: F401  as `np.median` does at its first call
import simplejpeg  # noqa: F401
from PIL import Image

from scanner.containers.sources import Source
from scanner.hashes.hashing import Hashing
from scanner.hashes.lists.hash_list import KnownError
from scanner.limits import Limits
from scanner.processes import Refusal, limit_work
from scanner.sources.found import Found
from scanner.workers.examine import examine
from scanner.workers.examined import Examined, Views
from scanner.workers.freed_memory import keep_freed_memory
from scanner.workers.look_again import look_again
from scanner.workers.messages import OUT_OF_MEMORY, receive_files
from scanner.workers.streamed import beside_disk, take_hashes

# What most files need is loaded here: once for all workers that are copies of one process.
Image.preinit()
SIGN_SECONDS = 0.5  # between the signs of life while a file is hashed in a stream


def serve(
    pipe: Connection,
    views: Views,
    limits: Limits,
    hashing: Hashing,
    carve: bool,
    trust_anchors: str,
    pictures: bool,
) -> None:
    """A worker's life: announce itself, then one answer for each source, in order.

    Ahead of an answer may come numbers: how many bytes of a large file were read so far.
    """
    keep_freed_memory()
    # Pillow refuses at twice this value, the limit itself is ours to check.
    Image.MAX_IMAGE_PIXELS = (limits.pixels + 1) // 2
    alive = _SignOfLife(pipe, limits.seconds)
    try:
        if hashing.known:
            hashing.known.open()  # what fails here is no file's fault
        _send(pipe, None)
        while True:
            for source, task in _receive(pipe):
                limit_work(limits.seconds)
                if task.again:
                    examined = look_again(task.part or source, task.again, views, limits, alive)
                elif task.fate is None:
                    how = (limits, hashing, alive, carve, task.gaps, trust_anchors, pictures)
                    examined = examine(task.part or source, views, *how)
                else:
                    gaps = task.gaps
                    if task.holds_disk and carve:
                        gaps = beside_disk(source, alive)
                    fate = (task.fate, task.stamp, limits, hashing, alive, carve, gaps)
                    examined = take_hashes(source, *fate)
                limit_work(0)
                _send(pipe, examined)
    except _ParentGone:
        pass
    except KnownError as error:  # no file may pass for unknown because a list cannot be read
        limit_work(0)
        with suppress(_ParentGone):
            _send(pipe, Refusal(str(error)))
    except MemoryError:
        os._exit(OUT_OF_MEMORY)


class _ParentGone(Exception):
    """Nobody is left to work for."""


class _SignOfLife:
    """Starts a file's time afresh, at each of its pages and while it is hashed, of any size."""

    def __init__(self, pipe: Connection, seconds: float) -> None:
        self._pipe = pipe
        self._seconds = seconds
        self._given = 0.0

    def __call__(self, place: int = 0) -> None:
        limit_work(0)
        now = time.monotonic()
        if now - self._given > SIGN_SECONDS:
            _send(self._pipe, place)
            self._given = now
        limit_work(self._seconds)


def _send(pipe: Connection, answer: Examined | Refusal | int | None) -> None:
    try:
        pipe.send(answer)
    except OSError as error:
        raise _ParentGone from error


def _receive(pipe: Connection) -> list[tuple[Source, Found]]:
    try:
        return receive_files(pipe)
    except (EOFError, OSError) as error:
        raise _ParentGone from error
