"""Pictures saved again and resized, in a process of its own, since decoders hang and crash."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from PIL import Image

from scanner.containers.sources import Source
from scanner.hashes.hashing import hash_bytes
from scanner.images.decode import opened
from scanner.limits import Limits
from scanner.looks import pixels_alone
from scanner.processes import START_SECONDS, Child, ProcessError, Watch, limit_work, start
from scanner.sources.found import Part
from scanner.workers.examine import failure, read
from scanner.workers.examined import unreadable

LATE_SECONDS = 1.0  # the system, which counts what the process computes, comes first
POLL_SECONDS = 0.5
FAILED_STARTS = 3  # in a row


@dataclass(frozen=True)
class Treatment:
    """What is done to a picture, mode RGB: `make` gives a file's bytes; `suffix` is of its name."""

    name: str
    suffix: str
    make: Callable[[Image.Image], bytes]


def _saved(kind: str, quality: int) -> Callable[[Image.Image], bytes]:
    def save(rgb: Image.Image) -> bytes:
        stream = io.BytesIO()
        pixels_alone(rgb).save(stream, kind, quality=quality)
        return stream.getvalue()

    return save


def _resized(percent: int) -> Callable[[Image.Image], bytes]:
    def resize(rgb: Image.Image) -> bytes:
        width, height = (max(1, round(side * percent / 100)) for side in rgb.size)
        stream = io.BytesIO()
        smaller = pixels_alone(rgb).resize((width, height), Image.Resampling.LANCZOS)
        smaller.save(stream, "PNG", compress_level=1)  # bytes that are read once
        return stream.getvalue()

    return resize


TREATMENTS = (
    Treatment("saved as JPEG of quality 90", "jpg", _saved("JPEG", 90)),
    Treatment("saved as JPEG of quality 75", "jpg", _saved("JPEG", 75)),
    Treatment("saved as JPEG of quality 50", "jpg", _saved("JPEG", 50)),
    Treatment("saved as WebP of quality 75", "webp", _saved("WEBP", 75)),
    Treatment("resized to 75% of its sides", "png", _resized(75)),
    Treatment("resized to 50% of its sides", "png", _resized(50)),
)


class NotTreated(Exception):
    """A picture cannot be treated; the text says why."""


class Treater:
    """A confined process that treats pictures. Use as a context manager."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._child: Child | None = None

    def __enter__(self) -> Treater:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def treat(self, source: Source | Part, sha256: str | None, page: int) -> list[bytes]:
        """Files of a page's pixels, one for each of TREATMENTS.

        sha256: of the bytes that are expected. Raises NotTreated, and ProcessError where no process
        can be had.
        """
        for _ in range(FAILED_STARTS):
            child = self._child = self._child or start(
                serve_treatments, self._limits.memory_bytes, self._limits
            )
            if child.started or self._heard(child, START_SECONDS):
                break
            self._end()
        else:
            raise ProcessError("no process to save pictures again comes up; look for what ends it.")
        made: list[bytes] = []
        try:
            child.pipe.send((source, sha256, page))
            while len(made) < len(TREATMENTS):
                if not self._heard(child, self._limits.seconds + LATE_SECONDS):
                    break
                answer = child.receive()
                if isinstance(answer, str):
                    raise NotTreated(answer)
                made.append(answer)
        except (EOFError, OSError):
            pass
        if len(made) < len(TREATMENTS):
            self._end()
            raise NotTreated("the process that decoded it crashed, or took too long")
        return made

    def _heard(self, child: Child, seconds: float) -> bool:
        """Whether it says something within so many seconds; its first word is taken."""
        watch, silent = Watch(), 0.0
        while not child.pipe.poll(POLL_SECONDS):
            silent += watch.lap()
            if silent > seconds:
                return False
        if not child.started:
            try:
                child.receive()
            except (EOFError, OSError):
                return False
        return True

    def _end(self) -> None:
        if self._child is not None:
            self._child.process.kill()
            self._child.process.join(LATE_SECONDS)
            self._child.pipe.close()
            self._child = None


def serve_treatments(pipe: Connection, limits: Limits) -> None:
    """The process's life: for each picture one answer a treatment, or one sentence why not."""
    Image.MAX_IMAGE_PIXELS = (limits.pixels + 1) // 2  # Pillow refuses at twice this value
    try:
        pipe.send(None)
        while True:
            source, sha256, page = pipe.recv()
            if trouble := _treated(pipe, source, sha256, page, limits):
                pipe.send(trouble)
    except (EOFError, OSError):  # nobody is left to work for
        pass


def _treated(
    pipe: Connection, source: Any, sha256: str | None, page: int, limits: Limits
) -> str | None:
    """Send a picture by each treatment; why that cannot be done, if so."""
    try:
        limit_work(limits.seconds)
        data = source if isinstance(source, bytes) else read(source, limits)
        if hash_bytes([data]).sha256 != sha256:
            return "its bytes have changed since it was scanned"
    except OSError as error:
        return unreadable(error).error
    try:
        with opened(data, limits.pixels) as pages:
            rgb = pages.decode(page).rgb
            for treatment in TREATMENTS:
                limit_work(limits.seconds)
                made = treatment.make(rgb)
                limit_work(0)
                pipe.send(made)
    except Exception as error:  # decoders raise nearly anything
        return failure(error, limits).error
    finally:
        limit_work(0)
    return None
