"""The command line's type for the name of a file to read or to write."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click


class FileName(click.Path):
    """A path that can be a file's: neither empty nor a folder's. Gives a pathlib.Path."""

    def __init__(self, exists: bool = False) -> None:
        super().__init__(exists=exists, dir_okay=False, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not Path(os.fspath(value)).name:
            self.fail(f"{os.fspath(value)!r} is no name of a file.", param, ctx)
        return super().convert(value, param, ctx)
