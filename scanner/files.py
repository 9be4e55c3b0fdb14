"""Files: evidence that is opened to be read and nothing else, outputs that appear whole or not."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

# Linux alone can leave the access time as it is.
NO_ACCESS_TIME = getattr(os, "O_NOATIME", 0)
NO_LINK = getattr(os, "O_NOFOLLOW", 0)
# An entry may have become a pipe, which would else wait for somebody to write.
NO_WAIT = getattr(os, "O_NONBLOCK", 0)
FOLDER_ONLY = getattr(os, "O_DIRECTORY", 0)
PASSING_THROUGH = getattr(os, "O_PATH", os.O_RDONLY) | FOLDER_ONLY
LONGEST_STEP = 1000  # bytes of a path that any system takes at once


def open_readonly(path: Path) -> BinaryIO:
    """The bytes of a regular file, however long its path.

    Raises OSError as `open` does, and for what is a link or no regular file.
    """
    return open(path, "rb", opener=_open_regular)


def file_facts(path: Path) -> os.stat_result:
    """What the system says of a regular file, however long its path. Raises OSError."""
    with open_readonly(path) as stream:
        return os.fstat(stream.fileno())


@contextmanager
def list_folder(folder: str | Path) -> Iterator[Iterator[os.DirEntry[str]]]:
    """The folder's entries, to be taken by their `name`; raises OSError as `os.scandir`."""
    if os.scandir not in os.supports_fd:  # Windows
        with os.scandir(folder) as entries:
            yield entries
        return
    descriptor = _open(str(folder), os.O_RDONLY | FOLDER_ONLY | NO_LINK)
    try:
        with os.scandir(descriptor) as entries:
            yield entries
    finally:
        os.close(descriptor)


def partial_path(path: Path) -> Path:
    """Where `path` is written before it appears whole under its own name; a name only ours."""
    return path.with_name(f".{path.name}.imgscan-partial")


def own_partial_path(path: Path) -> Path:
    """As `partial_path`, for a file that several processes may write at once."""
    return path.with_name(f"{path.name}.{os.getpid()}.partial")


def write_whole(path: Path, content: bytes, partial: Path | None = None) -> None:
    """Write a file that appears complete or not at all, also after a loss of power.

    partial: as `replacing` takes it. Raises OSError.
    """
    with replacing(path, partial) as place, place.open("wb") as stream:
        stream.write(content)


@contextmanager
def replacing(path: Path, partial: Path | None = None) -> Iterator[Path]:
    """A path to write a new file to, which takes the name `path` once all went well.

    partial: that path, of the same file system; None for the one of `partial_path`. Raises OSError;
    then, as after any other exception, what was written is gone.
    """
    partial = partial or partial_path(path)
    try:
        partial.unlink(missing_ok=True)  # it may be another name of somebody's file
        yield partial
        with partial.open("rb+") as stream:
            os.fsync(stream.fileno())
        partial.replace(path)
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)


def _open_regular(path: str, flags: int) -> int:
    descriptor = _open(path, flags | NO_LINK | NO_WAIT)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is no regular file any more", path)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _open(path: str, flags: int) -> int:
    """As `os.open`, of a path of any length: folder by folder, no more of them open than one."""
    *folders, name = _steps(path)
    here: int | None = None
    try:
        for folder in folders:
            below = os.open(folder, PASSING_THROUGH, dir_fd=here)
            if here is not None:
                os.close(here)
            here = below
        try:
            return os.open(name, flags | NO_ACCESS_TIME, dir_fd=here)
        except PermissionError:  # only a file's owner may ask for it
            return os.open(name, flags, dir_fd=here)
    finally:
        if here is not None:
            os.close(here)


def _steps(path: str) -> list[bytes | str]:
    """`path` in pieces that the system takes, each but the last a folder."""
    raw = os.fsencode(path)
    if len(raw) <= LONGEST_STEP or os.open not in os.supports_dir_fd:
        return [path]
    steps: list[bytes | str] = []
    while len(raw) > LONGEST_STEP and (cut := raw.rfind(b"/", 1, LONGEST_STEP)) > 0:
        steps.append(raw[:cut])
        raw = raw[cut:].lstrip(b"/")
    return [*steps, raw]
