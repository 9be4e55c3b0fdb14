"""How evidence is opened: to read, and without leaving an access time where the system allows."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

NO_ACCESS_TIME = getattr(os, "O_NOATIME", 0)  # Linux only


def open_readonly(path: Path) -> BinaryIO:
    """The file's bytes; raises OSError as `open` does."""
    return open(path, "rb", opener=_open)


@contextmanager
def list_folder(folder: Path) -> Iterator[Iterator[os.DirEntry[str]]]:
    """The folder's entries, to be taken by their `name`; raises OSError as `os.scandir`."""
    if os.scandir not in os.supports_fd:  # Windows
        with os.scandir(folder) as entries:
            yield entries
        return
    descriptor = _open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with os.scandir(descriptor) as entries:
            yield entries
    finally:
        os.close(descriptor)


def _open(path: str | Path, flags: int) -> int:
    try:
        return os.open(path, flags | NO_ACCESS_TIME)
    except PermissionError:  # only a file's owner may ask for it
        return os.open(path, flags)
