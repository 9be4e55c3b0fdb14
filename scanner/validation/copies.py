"""Where treated copies of pictures lie for a while: beside the scan's report, for the owner alone.

Not in a folder for temporary files: what a killed validation leaves must be found by the next,
since the pictures may be such as nobody should have.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from scanner.errors import ImgscanError
from scanner.paths import holder, identity, resolved
from scanner.scan import Request
from scanner.scan.journal import Journal
from scanner.scan.places import journal_place

OWNER_ONLY = 0o700
NAME = re.compile(r"imgscan-[0-9]+\.[a-z]+")


class CopiesError(ImgscanError):
    """Copies cannot lie where they belong; the sentence says why."""


def copies_folder(report: Path) -> Path:
    """Of the first report of a scan."""
    return report.with_name(report.name + ".copies")


def copy_name(number: int, suffix: str) -> str:
    return f"imgscan-{number:06}.{suffix}"


def clear_copies(request: Request) -> None:
    """Take away what a killed validation left; `check_places` comes first.

    Raises CopiesError if anything else lies there, JournalError if the same command is at work.
    """
    with _folder(request) as folder:
        _clear(folder)


@contextmanager
def copies(request: Request) -> Iterator[Path]:
    """An empty folder, which goes with all that is in it. Raises as `clear_copies`."""
    with _folder(request) as folder:
        _clear(folder)
        folder.mkdir(OWNER_ONLY)
        try:
            yield folder
        finally:
            _clear(folder)


@contextmanager
def _folder(request: Request) -> Iterator[Path]:
    """The journal is locked meanwhile, so that none takes away the copies of another at work."""
    folder = copies_folder(request.reports[0])
    for path in request.paths:
        if holder(resolved(path), {identity(folder): folder}):
            raise CopiesError(f"{path} lies in {folder}, which is emptied; name another report.")
    with closing(Journal(journal_place(request), request.fresh)):
        yield folder


def _clear(folder: Path) -> None:
    """Take away copies and their folder, copies also where something else lies among them."""
    try:
        if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
            raise _foreign(folder)
        if not folder.exists():
            return
        foreign = None
        for entry in list(folder.iterdir()):
            if NAME.fullmatch(entry.name) and entry.is_file() and not entry.is_symlink():
                entry.unlink()
            else:
                foreign = entry
        if foreign:
            raise _foreign(foreign)
        folder.rmdir()
    except OSError as error:
        raise CopiesError(
            f"{folder}, where copies of pictures lie, cannot be taken away: "
            f"{error.strerror or error}; do so by hand."
        ) from error


def _foreign(found: Path) -> CopiesError:
    return CopiesError(
        f"{found} was left by no validation, and copies of pictures would lie there. It was left "
        "as it is: move it away, or name another report."
    )
