"""The command line's types for names of files to read or to write, and lists of them."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from scanner.path_list import Paths

LACKS_RETURN = re.compile(r"[^\r\n](\n|\Z)")  # the end of a line that is not empty
STANDARD = "-"  # standard input or output; a file of that name is ./-


class FileName(click.Path):
    """A path that can be a file's: neither empty nor a folder's. Gives a pathlib.Path."""

    def __init__(self, exists: bool = False) -> None:
        super().__init__(exists=exists, dir_okay=False, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not Path(os.fspath(value)).name:
            self.fail(f"{os.fspath(value)!r} is no name of a file.", param, ctx)
        return super().convert(value, param, ctx)


class OutputName(FileName):
    """A FileName, or None for standard output."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return None if value == STANDARD else super().convert(value, param, ctx)


class EvidencePath(click.Path):
    """A path that exists, or None for the paths that standard input lists."""

    def __init__(self) -> None:
        super().__init__(exists=True, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return None if value == STANDARD else super().convert(value, param, ctx)


def with_listed(paths: Sequence[Path | None]) -> tuple[Path, ...] | Paths:
    """`paths`, with those that standard input lists in the place of None.

    Each ended by a NUL, as of find -print0, or where there is none, one a line; what is listed
    twice counts once. Raises UsageError if none is listed, or standard input cannot be read, or is
    asked for twice.
    """
    from scanner.path_list import Paths

    if paths.count(None) > 1:
        raise click.UsageError("- is named twice, but standard input can be read only once.")
    named = tuple(path for path in paths if path is not None)
    if len(named) == len(paths):
        return named
    listed = _listed()

    def joined() -> Paths:
        return Paths("\0".join(listed if path is None else str(path) for path in paths))

    found = joined()
    if found.repeat():
        listed = "\0".join(dict.fromkeys(listed.split("\0")))
        found = joined()
    return found


def _listed() -> str:
    """The paths that standard input lists, as `Paths` takes them."""
    try:
        data = sys.stdin.buffer.read() if sys.stdin else b""
    except OSError as error:
        raise click.UsageError(
            f"standard input cannot be read: {error.strerror or error}."
        ) from error
    text = os.fsdecode(data)
    if "\0" not in text:
        if "\r" in text and not LACKS_RETURN.search(text):  # of Windows
            text = text.replace("\r\n", "\n").removesuffix("\r")
        text = text.replace("\n", "\0")
    if not re.search("[^\0]", text):
        raise click.UsageError("standard input lists no paths; give them one a line, or name them.")
    return text
