"""Files: evidence that is opened to be read and nothing else, outputs that appear whole or not."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

# Linux alone can leave the access time as it is.
NO_ACCESS_TIME = getattr(os, "O_NOATIME", 0)
NO_LINK = getattr(os, "O_NOFOLLOW", 0)
# An entry may have become a pipe, which would else wait for somebody to write.
NO_WAIT = getattr(os, "O_NONBLOCK", 0)
FOLDER_ONLY = getattr(os, "O_DIRECTORY", 0)
CAN_STEP = os.open in os.supports_dir_fd and os.scandir in os.supports_fd  # not on Windows
# To pass through a folder takes no permission to list it, where the system knows the difference.
PASS_ONLY = getattr(os, "O_PATH", 0)
BUFFER_BYTES = 1 << 16  # or Python takes what the file system asks for, which may be anything
LONGEST_STEP = 1000  # bytes of a path that any system takes at once


class Folder:
    """An open folder, whose entries are opened from there: what became a link is not followed.

    path: without links, of any length. near: another open folder; if this one lies in it, or above
    it where `identity` says which one to expect, no path has to be gone through. Raises OSError.
    """

    def __init__(
        self, path: str, near: Folder | None = None, identity: tuple[int, int] | None = None
    ) -> None:
        self.path = path
        self._descriptor: int | None = None
        if CAN_STEP:
            self._descriptor = self._open(near, identity)

    def _open(self, near: Folder | None, identity: tuple[int, int] | None) -> int:
        flags = os.O_RDONLY | FOLDER_ONLY | NO_LINK
        parent, name = os.path.split(self.path)
        if near is not None and near._descriptor is not None:
            if near.path == parent:
                return _open_in(near._descriptor, name, flags)
            if identity is not None:
                above = _open_in(near._descriptor, os.pardir, flags)
                if _identity(above) == identity:
                    return above
                _close(above)  # `near` was moved elsewhere meanwhile
        return _open(self.path, flags)

    @property
    def identity(self) -> tuple[int, int] | None:
        """What tells it from any other folder; None where the system opens none."""
        return None if self._descriptor is None else _identity(self._descriptor)

    def entries(self) -> Iterator[os.DirEntry[str]]:
        """Its entries, to be taken by their `name`; may raise OSError at any of them."""
        with os.scandir(self.path if self._descriptor is None else self._descriptor) as entries:
            yield from entries

    def open(self, name: str) -> BinaryIO:
        """The bytes of a regular file in it. Raises OSError as `open_readonly`."""
        if self._descriptor is None:
            return open_readonly(Path(self.path, name))
        opener = partial(_open_regular, self._descriptor, name)
        return _Whole(f"{self.path}{os.sep}{name}", opener).buffered()

    def close(self) -> None:
        if self._descriptor is not None:
            with contextlib.suppress(OSError):  # there is nothing left to lose
                os.close(self._descriptor)


@contextmanager
def entries(folder: str) -> Iterator[Iterator[os.DirEntry[str]]]:
    """The entries of a folder, to be taken by their `name`, which leaves no trace in it.

    Raises OSError where that cannot be had, and also at any of them.
    """
    if not NO_ACCESS_TIME:
        raise OSError(errno.ENOTSUP, "the system would note that it was read", folder)
    descriptor = os.open(folder, os.O_RDONLY | FOLDER_ONLY | NO_ACCESS_TIME)
    try:
        with os.scandir(descriptor) as found:
            yield found
    finally:
        _close(descriptor)


def open_readonly(path: Path) -> BinaryIO:
    """The bytes of a regular file, whose path may be of any length and has no links.

    Raises OSError as `open` does, and for what is a link, lies behind one or is no regular file; so
    does reading where the bytes end before the size says so.
    """
    name = os.fspath(path)
    return _Whole(name, partial(_open_regular, None, name)).buffered()


def check_read(stream: BinaryIO) -> None:
    """Raise the OSError that reading files of `open_readonly` met, though a parser may hide it.

    What such a parser makes of the file is no statement about its bytes.
    """
    if (trouble := trouble_of(stream)) is not None:
        raise trouble


def trouble_of(stream: BinaryIO) -> OSError | None:
    """What `check_read` raises, if anything."""
    trouble = getattr(getattr(stream, "raw", None), "trouble", None)
    return trouble if isinstance(trouble, OSError) else None


class _Whole(io.FileIO):
    """A file that raises OSError where its bytes end before its size says so.

    size: in bytes, when it was opened. trouble: what reading it last met.
    """

    def __init__(self, path: str, opener: Callable[[str, int], int]) -> None:
        super().__init__(path, "rb", opener=opener)
        self.trouble: OSError | None = None
        self.size = os.fstat(self.fileno()).st_size

    def buffered(self) -> io.BufferedReader:
        return io.BufferedReader(self, BUFFER_BYTES)

    def seek(self, position: int, whence: int = os.SEEK_SET, /) -> int:
        try:
            return super().seek(position, whence)
        except OSError as error:
            self._note(error)
            raise

    def tell(self) -> int:
        try:
            return super().tell()
        except OSError as error:
            self._note(error)
            raise

    def readinto(self, buffer: Any, /) -> int:
        try:
            read = super().readinto(buffer) or 0
            if not read and len(buffer):
                self._check_end()
        except OSError as error:
            self._note(error)
            raise
        return read

    def readall(self) -> bytes:
        try:
            data = super().readall()
            self._check_end()
        except OSError as error:
            self._note(error)
            raise
        return data

    def _check_end(self) -> None:
        if (end := self.tell()) < self.size:
            raise OSError(errno.EIO, f"only {end:,} of its {self.size:,} bytes can be had")

    def _note(self, error: OSError) -> None:
        if error.errno != errno.EINVAL:  # which a parser gets that asks for an impossible place
            self.trouble = error


def held_if_small(stream: BinaryIO) -> BinaryIO:
    """A small file of `open_readonly` as bytes in memory, any other as it is; at their beginning.

    Whoever looks at many places in it asks the system once. Raises OSError as reading does.
    """
    raw = getattr(stream, "raw", None)
    if not isinstance(raw, _Whole) or raw.size > BUFFER_BYTES:
        return stream
    content = stream.read(BUFFER_BYTES + 1)  # some files of the system's own do not say their size
    stream.seek(0)
    return stream if len(content) > BUFFER_BYTES else io.BytesIO(content)


def file_facts(path: Path) -> os.stat_result:
    """What the system says of such a file. Raises OSError as `open_readonly`."""
    with open_readonly(path) as stream:
        return os.fstat(stream.fileno())


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


def file_sha256(path: Path) -> str:
    """In hexadecimal, of a file that is no evidence. Raises OSError."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _open_regular(folder: int | None, path: str, _: str, flags: int) -> int:
    """An opener, as `open` takes it, of a path in an open folder, or of a whole one."""
    flags |= NO_LINK | NO_WAIT
    descriptor = _open(path, flags) if folder is None else _open_in(folder, path, flags)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is no regular file any more", path)
    except OSError:
        _close(descriptor)
        raise
    return descriptor


def _open(path: str, flags: int) -> int:
    """As `os.open`, folder by folder, of which no more are open than one."""
    *folders, name = _steps(path)
    here: int | None = None
    try:
        for folder in folders:
            passing = PASS_ONLY | os.O_RDONLY | FOLDER_ONLY | NO_LINK
            above, here = here, os.open(folder, passing, dir_fd=here)
            if above is not None:
                _close(above)
        return _open_in(here, name, flags)
    finally:
        if here is not None:
            _close(here)


def _identity(descriptor: int) -> tuple[int, int]:
    facts = os.fstat(descriptor)
    return facts.st_dev, facts.st_ino


def _close(descriptor: int) -> None:
    with contextlib.suppress(OSError):  # network drives report what nobody waits for any more
        os.close(descriptor)


def _open_in(folder: int | None, name: str, flags: int) -> int:
    try:
        return os.open(name, flags | NO_ACCESS_TIME, dir_fd=folder)
    except PermissionError:  # only a file's owner may ask for it
        return os.open(name, flags, dir_fd=folder)


def _steps(path: str) -> list[str]:
    """`path` in pieces, each but the last a folder in the one before.

    Single folders, so that none can be a link, or, where passing through one takes permission to
    list it, whatever the system takes at once.
    """
    if not CAN_STEP:
        return [path]
    first, *names = Path(path).parts
    if PASS_ONLY:
        return [first, *names]
    steps = [first]
    for name in names:
        longer = os.path.join(steps[-1], name)  # noqa: PTH118
        if len(os.fsencode(longer)) > LONGEST_STEP:
            steps.append(name)
        else:
            steps[-1] = longer
    return steps
