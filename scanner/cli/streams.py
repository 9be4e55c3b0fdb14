"""Standard output and standard error, either of which may be closed, or be read by nobody."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from scanner.errors import ImgscanError
from scanner.record import safe_text


class OutputError(ImgscanError):
    """Standard output cannot be written; the sentence says why."""


def prepare_streams() -> None:
    """Make what is printed harmless, to files and to terminals, whatever the streams are.

    A closed one is replaced by nothing: a file that took its number would get what is printed.
    Characters that an output's encoding lacks are escaped.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # which takes the lowest number that is free
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: PTH123, SIM115  open to the end
    for stream in (sys.stdout, sys.stderr):
        if reconfigure := getattr(stream, "reconfigure", None):
            reconfigure(errors="backslashreplace")


def check_standard_output() -> None:
    """Raise OutputError if it is closed."""
    if sys.stdout is None:
        raise OutputError("standard output is closed; name a file for the report with --report.")


@contextmanager
def standard_output() -> Iterator[TextIO]:
    """sys.stdout, flushed on leaving; a reader that has gone is no error. Raises OutputError."""
    check_standard_output()
    try:
        yield sys.stdout
        sys.stdout.flush()
    except BrokenPipeError:
        discard(sys.stdout)
    except OSError as error:
        discard(sys.stdout)
        reason = error.strerror or error
        raise OutputError(f"standard output cannot be written: {reason}.") from error


def say(text: str) -> None:
    """Print lines for a person on standard error, if anyone is there; no name in them steers it."""
    try:
        print(*map(safe_text, text.split("\n")), sep="\n", file=sys.stderr, flush=True)
    except OSError:
        discard(sys.stderr)


def discard(stream: TextIO) -> None:
    """Let what the stream still holds vanish: Python would try to write it again at its end."""
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123 - not a path of ours
        os.dup2(nowhere.fileno(), stream.fileno())
