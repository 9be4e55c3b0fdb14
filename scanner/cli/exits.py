"""How a command ends: its exit codes, and the one sentence that every failure is told in."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from scanner.cli.streams import discard, say
from scanner.errors import ImgscanError
from scanner.log import LOGGER
from scanner.record import safe_text

EXIT_UNEXAMINED = 1
EXIT_STOPPED = 2


class StopError(click.ClickException):
    """Ends the command with one sentence and exit code 2."""

    exit_code = EXIT_STOPPED

    def show(self, file: Any = None) -> None:
        say(f"Error: {safe_text(self.format_message())}")


@contextmanager
def told(work: str, interrupted: str = "interrupted.") -> Iterator[None]:
    """Whatever goes wrong inside ends the command with one sentence: the last line of defence.

    work: what is done inside, such as "the scan". interrupted: what Ctrl-C ends with.
    """
    try:
        yield
    except ImgscanError as error:
        raise StopError(str(error)) from error
    except KeyboardInterrupt:
        # Where it came amid code made of text, such as a dataclass's, `python -m` would remember,
        # and end by the signal in place of the exit code; the next such code makes it forget.
        exec("")
        raise StopError(interrupted) from None
    except BrokenPipeError:  # nobody reads the answer any more
        discard(sys.stdout)
        sys.exit(EXIT_STOPPED)
    except (click.ClickException, click.exceptions.Exit):
        raise
    except Exception as error:
        logging.getLogger(LOGGER).exception("unexpected error")
        if isinstance(error, OSError) and error.strerror:
            what = "the output" if error.filename is None else error.filename
            raise StopError(f"{what} cannot be used: {error.strerror}.") from error
        raise StopError(
            f"{work} met a fault of its own ({type(error).__name__}: {error})."
        ) from error
