"""Standard output and standard error, either of which may be a pipe that nobody reads any more."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO


class OutputError(Exception):
    """Standard output cannot be written; the sentence says why."""


@contextmanager
def standard_output() -> Iterator[TextIO]:
    """sys.stdout, flushed on leaving; a reader that has gone is no error. Raises OutputError."""
    try:
        yield sys.stdout
        sys.stdout.flush()
    except BrokenPipeError:
        _discard(sys.stdout)
    except OSError as error:
        _discard(sys.stdout)
        reason = error.strerror or error
        raise OutputError(f"standard output cannot be written: {reason}.") from error


def say(sentence: str) -> None:
    """Print for a person on standard error, if anyone is there."""
    try:
        print(sentence, file=sys.stderr, flush=True)
    except OSError:
        _discard(sys.stderr)


def _discard(stream: TextIO) -> None:
    """Let what the stream still holds vanish: Python would try to write it again at its end."""
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123 - not a path of ours
        os.dup2(nowhere.fileno(), stream.fileno())
