"""The command line's types for names of files to read or to write, and lists of them."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

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


def with_listed(paths: Sequence[Path | None]) -> tuple[Path, ...]:
    """`paths`, with those that standard input lists in the place of None.

    Each ended by a NUL, as of find -print0, or where there is none, one a line; what is listed
    twice counts once. Raises UsageError if none is listed, or standard input cannot be read, or is
    asked for twice.
    """
    if paths.count(None) > 1:
        raise click.UsageError("- is named twice, but standard input can be read only once.")
    found: list[Path] = []
    for path in paths:
        found += _listed() if path is None else [path]
    return tuple(found)


def _listed() -> list[Path]:
    try:
        data = sys.stdin.buffer.read() if sys.stdin else b""
    except OSError as error:
        raise click.UsageError(
            f"standard input cannot be read: {error.strerror or error}."
        ) from error
    names = [name for name in data.split(b"\0" if b"\0" in data else b"\n") if name]
    if b"\0" not in data and all(name.endswith(b"\r") for name in names):  # of Windows
        names = [name[:-1] for name in names if name != b"\r"]
    if not names:
        raise click.UsageError("standard input lists no paths; give them one a line, or name them.")
    return [Path(os.fsdecode(name)) for name in dict.fromkeys(names)]
