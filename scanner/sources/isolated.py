"""Containers whose parser runs in a process of its own.

The formats that third-party libraries parse: a parser that crashes, hangs or eats memory costs its
container and nothing else. The processes are kept and used again.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import signal
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from scanner.containers.container import Member, MemberError, failure, read_limited
from scanner.containers.sources import Joined, open_source
from scanner.containers.zip_names import CP437
from scanner.files import check_read
from scanner.limits import Limits
from scanner.processes import (
    START_SECONDS,
    Child,
    ProcessError,
    Watch,
    exit_reason,
    limit_work,
    start,
)
from scanner.record import Status

POLL_SECONDS = 0.5
LATE_SECONDS = 1.0  # the parent comes first, if there still is one


class _Answer(NamedTuple):
    """A member with its content or its status; without a path, the end of the container."""

    path: str | None = None
    data: bytes | None = None
    status: Status | None = None
    error: str | None = None
    stored: Sequence[tuple[int, int]] = ()


STILL_READING = _Answer(path="")


class Readers:
    """Processes that read containers for a walk, started when needed. Use as a context manager.

    zip_names: the code page of names in zips that say nothing of it.
    """

    def __init__(self, limits: Limits, passwords: Sequence[str], zip_names: str = CP437) -> None:
        self.limits = limits
        self.passwords = tuple(passwords)
        self.zip_names = zip_names
        self._idle: list[Child] = []

    def __enter__(self) -> Readers:
        return self

    def __exit__(self, *_: object) -> None:
        while self._idle:
            _stop(self._idle.pop())

    def members(
        self,
        kind: ModuleType,
        source: Path | bytes | Joined,
        name: str,
        limits: Limits,
        passwords: Sequence[str],
    ) -> Iterator[Member]:
        """What `kind.members` gives, read in another process.

        Raises MemberError when the container cannot be read, or not to its end; ProcessError when
        no process can be had to read it.
        """
        reader = self._idle.pop() if self._idle else self._start()
        done = False
        try:
            with contextlib.suppress(OSError):  # a dead reader is met in _receive()
                reader.pipe.send((kind.__name__, source, name, limits, tuple(passwords)))
            while (answer := self._receive(reader, kind.NOUN)).path is not None:
                if answer != STILL_READING:
                    yield _member(answer.path, answer)
            done = True
        finally:
            if done:
                self._idle.append(reader)
            else:
                _stop(reader)
        if answer.status is not None:
            raise MemberError(answer.status, answer.error or "")

    def _receive(self, reader: Child, noun: str) -> _Answer:
        if not _answers_within(self.limits.seconds, reader):
            took = f"took longer than the limit of {self.limits.seconds:g} seconds"
            raise MemberError(Status.TIMEOUT, f"reading on in the {noun} {took}")
        try:
            answer: _Answer = reader.receive()
        except (EOFError, OSError) as error:
            reader.process.join()
            reason = exit_reason(reader.process.exitcode)
            raise MemberError(
                Status.CRASHED, f"the parser of the {noun} crashed ({reason})"
            ) from error
        return answer

    def _start(self) -> Child:
        reader = start(_serve, self.limits.memory_bytes)
        try:
            if _answers_within(START_SECONDS, reader):
                reader.receive()
                return reader
        except (EOFError, OSError):
            reader.process.join()
        except ProcessError:
            _stop(reader)
            raise
        _stop(reader)
        reason = exit_reason(reader.process.exitcode)
        raise ProcessError(
            f"a process that reads archives does not start ({reason}); try more memory "
            "(--worker-memory), or look for what ends it."
        )


def _answers_within(seconds: float, reader: Child) -> bool:
    """Whether something comes while it is watched for so long; its death is an answer, too."""
    watch, watched = Watch(), 0.0
    while not reader.pipe.poll(min(POLL_SECONDS, seconds)):
        watched += watch.lap()
        if watched > seconds:
            return reader.pipe.poll()
    return True


def _member(path: str, answer: _Answer) -> Member:
    data = answer.data
    if data is None:
        return Member(path, None, answer.status, answer.error)
    return Member(path, lambda: io.BytesIO(data), stored=answer.stored)


def _stop(reader: Child) -> None:
    # Its process group holds the unpacking program it may have started. Group 0 is our own.
    if reader.process.pid and hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(reader.process.pid, signal.SIGKILL)
    reader.process.kill()
    reader.process.join()
    reader.pipe.close()


def _serve(pipe: Connection) -> None:
    """A reader's life: the answers for one container after the other."""
    with contextlib.suppress(AttributeError, OSError):  # Windows has no process groups
        os.setpgid(0, 0)
    with contextlib.suppress(EOFError, OSError):  # the parent is gone
        pipe.send(None)
        while True:
            module, source, name, limits, passwords = pipe.recv()
            kind = importlib.import_module(module)
            limit_work(limits.seconds + LATE_SECONDS)
            for answer in _answers(kind, source, name, limits, passwords):
                limit_work(0)
                pipe.send(answer)
                limit_work(limits.seconds + LATE_SECONDS)
            limit_work(0)


def _answers(
    kind: ModuleType,
    source: Path | bytes | Joined,
    name: str,
    limits: Limits,
    passwords: Sequence[str],
) -> Iterator[_Answer]:
    try:
        with open_source(source) as stream:
            for member in kind.members(stream, name, limits, passwords):
                yield _read(member, limits) if member is not None else STILL_READING
            check_read(stream)
    except Exception as error:  # parsers raise nearly anything on hostile bytes
        status, sentence = failure(error, kind.NOUN)
        yield _Answer(None, None, status, sentence)
    else:
        yield _Answer()


def _read(member: Member, limits: Limits) -> _Answer:
    if member.open is None:
        return _Answer(member.path, None, member.status, member.error)
    try:
        with member.open() as content:
            data = read_limited(content, limits.file_bytes)
            return _Answer(member.path, data, stored=member.stored)
    except Exception as error:
        return _Answer(member.path, None, *failure(error, "member"))
