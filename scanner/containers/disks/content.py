"""Files of file systems as members: their bytes, and where on the volume these lie."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

from scanner.containers.container import Member, MemberError, Readable, failure
from scanner.record import Status

DELETED = "$Deleted/"  # ahead of the paths of files that the file system does not list any more
LINK = "a link or device inside a disk image"
TAKEN = "a deleted file, in whose place others lie by now, in whole or in part"


@dataclass(frozen=True)
class Folder:
    """A folder of a volume. path: with a slash at its end, empty for the root. identity: no other
    folder of the volume has it. entry: what the file system knows it by.
    """

    path: str
    identity: object
    entry: Any


def walked(root: Folder, listed: Callable[[Folder], Iterator[Member | Folder]]) -> Iterator[Member]:
    """All that a volume lists, a folder's files ahead of what is in its folders."""
    folders = [root]
    met = set()
    while folders:
        folder = folders.pop()
        if folder.identity in met:  # of a damaged volume, in which folders lie in themselves
            continue
        met.add(folder.identity)
        try:
            for item in listed(folder):
                if isinstance(item, Folder):
                    folders.append(item)
                else:
                    yield item
        except Exception as error:  # the libraries raise nearly anything on broken volumes
            yield broken(folder.path or ".", error)


def file(
    path: str,
    size: int,
    opened: Callable[[], Readable],
    stored: Sequence[tuple[int, int]],
    valid: int | None = None,
) -> Member:
    """A member of `size` bytes, which `opened` reads and which lie in the stretches `stored`.

    path: with slashes, relative to the volume. valid: how many of the bytes were ever written,
    where not all; the others are zeros, whatever lies in their place.
    """
    written = size if valid is None else min(valid, size)
    return Member(path, _opener(opened, written, size), stored=stored)


def broken(path: str, error: Exception) -> Member:
    """A member for what cannot be had."""
    return Member(path, None, *failure(error, "file system"))


def stretches(
    runs: Iterable[tuple[int | None, int]], block: int, size: int
) -> list[tuple[int, int]]:
    """Start and stop, in bytes, of what the first `size` bytes in `runs` of blocks take.

    What lies behind them in the last block is not the file's. A run that begins nowhere is zeros
    that are not stored. Raises ValueError for a run of less than a block.
    """
    found, left = [], size
    for start, count in runs:
        if count < 1:
            raise ValueError("its list of blocks overlaps")
        taken = min(left, count * block)
        if start is not None and taken > 0:
            found.append((start * block, start * block + taken))
        left -= taken
    return found


def _opener(
    opened: Callable[[], Readable], written: int, size: int
) -> Callable[[], AbstractContextManager[Readable]]:
    @contextmanager
    def open_file() -> Iterator[Readable]:
        try:
            yield _Whole(opened(), written, size)
        except MemberError:
            raise
        except (EOFError, ValueError, LookupError, TypeError) as error:
            # What the libraries raise of a file whose list of blocks is broken.
            raise MemberError(Status.UNREADABLE, f"the file is damaged: {error}") from error

    return open_file


class _Whole:
    """The first `written` bytes of a stream, and zeros up to `size`.

    Raises EOFError where there are fewer.
    """

    def __init__(self, stream: Readable, written: int, size: int) -> None:
        self._stream = stream
        self._left = written
        self._zeros = size - written

    def read(self, size: int, /) -> bytes:
        if self._left <= 0:
            data = bytes(min(size, self._zeros))
            self._zeros -= len(data)
            return data
        data = self._stream.read(min(size, self._left))
        self._left -= len(data)
        if not data:
            raise EOFError(f"{self._left:,} bytes are missing")
        return data
