"""A worker's life, in its own process, and what passes between it and its parent."""

from __future__ import annotations

import os
import time
from collections.abc import Collection
from multiprocessing.connection import Connection
from pathlib import Path

from PIL import Image

from scanner.hashes.hashing import Hashing
from scanner.limits import Limits
from scanner.processes import limit_work
from scanner.sources.found import Fate, Found, Stamp
from scanner.workers.examine import Examined, Views, examine, look_again, take_hashes
from scanner.workers.freed_memory import keep_freed_memory

SIGN_SECONDS = 0.5  # between the signs of life while a file is hashed in a stream
OUT_OF_MEMORY = 77  # exit code of a worker that met its memory limit outside of a decoder


def serve(pipe: Connection, views: Views, limits: Limits, hashing: Hashing) -> None:
    """A worker's life: announce itself, then one answer for each source, in order."""
    keep_freed_memory()
    # Pillow refuses at twice this value, the limit itself is ours to check.
    Image.MAX_IMAGE_PIXELS = (limits.pixels + 1) // 2
    if hashing.known:
        hashing.known.open()  # what fails here is no file's fault
    alive = _SignOfLife(pipe, limits.seconds)
    try:
        _send(pipe, None)
        while True:
            for source, container, again in _receive(pipe):
                limit_work(limits.seconds)
                if again:
                    examined = look_again(source, again, views, limits, alive)
                elif container is None:
                    examined = examine(source, views, limits, hashing, alive)
                else:
                    examined = take_hashes(source, *container, hashing, alive)
                limit_work(0)
                _send(pipe, examined)
    except _ParentGone:
        pass
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

    def __call__(self) -> None:
        limit_work(0)
        now = time.monotonic()
        if now - self._given > SIGN_SECONDS:
            _send(self._pipe, None)
            self._given = now
        limit_work(self._seconds)


def _send(pipe: Connection, answer: Examined | None) -> None:
    try:
        pipe.send(answer)
    except OSError as error:
        raise _ParentGone from error


def send_files(pipe: Connection, files: Collection[Found]) -> None:
    """What `_receive` takes. Members go unpickled: that would hold each twice, at both ends."""
    members = [found.source for found in files if isinstance(found.source, bytes)]
    paths = [None if isinstance(found.source, bytes) else found.source for found in files]
    containers = [found.fate and (found.fate, found.stamp) for found in files]
    again = [found.again for found in files]
    pipe.send(list(zip(paths, containers, again, strict=True)))
    for member in members:
        pipe.send_bytes(member)


def _receive(
    pipe: Connection,
) -> list[tuple[Path | bytes, tuple[Fate, Stamp | None] | None, tuple[int, ...]]]:
    """Sources; of containers with what `take_hashes` is to know, or with pages to look at again."""
    try:
        return [
            (pipe.recv_bytes() if path is None else path, *wanted) for path, *wanted in pipe.recv()
        ]
    except (EOFError, OSError) as error:
        raise _ParentGone from error
