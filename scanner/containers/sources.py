"""What bytes are read from: a file, memory, files that make up one, the disk in an image of one."""

from __future__ import annotations

import errno
import io
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from scanner.containers.container import MemberError
from scanner.containers.disks.virtual import disk_in
from scanner.containers.joined import JoinedFiles
from scanner.files import BUFFER_BYTES, open_readonly


@dataclass(frozen=True)
class Joined:
    """Files that make up one, in their order. owner: the one among them that it goes by."""

    parts: tuple[Path, ...]
    owner: Path


@dataclass(frozen=True)
class Disk:
    """The disk that an image of a format of its own holds."""

    image: Path | bytes | Joined


Source = Path | bytes | Joined | Disk


@contextmanager
def open_source(source: Source) -> Iterator[BinaryIO]:
    """Its bytes, seekable. Raises OSError, also for a disk image that is damaged."""
    with ExitStack() as stack:
        if isinstance(source, bytes):
            yield io.BytesIO(source)
        elif isinstance(source, Path):
            yield stack.enter_context(open_readonly(source))
        elif isinstance(source, Joined):
            files = JoinedFiles(source.parts)
            yield stack.enter_context(io.BufferedReader(files, BUFFER_BYTES))
        else:
            yield _disk(stack.enter_context(open_source(source.image)))


def _disk(image: BinaryIO) -> BinaryIO:
    try:
        return disk_in(image)
    except OSError:
        raise
    except (MemberError, ImportError) as error:
        raise OSError(errno.ENOTSUP, str(error)) from error
    except Exception as error:  # the libraries raise nearly anything on broken images
        raise OSError(errno.EIO, f"the disk image is damaged: {error}") from error


def read_stretch(source: Source, start: int, stop: int) -> bytes:
    """The bytes from `start` to `stop`. Raises OSError."""
    if isinstance(source, bytes):
        return source[start:stop]
    with open_source(source) as stream:
        stream.seek(start)
        return stream.read(stop - start)


def in_memory(source: Source) -> bytes | None:
    """The bytes that it keeps in memory, None where it lies on disk."""
    held = source.image if isinstance(source, Disk) else source
    return held if isinstance(held, bytes) else None


def files_of(source: Source) -> tuple[Path, ...]:
    """The files that it lies in."""
    held = source.image if isinstance(source, Disk) else source
    if isinstance(held, Joined):
        return held.parts
    return (held,) if isinstance(held, Path) else ()
