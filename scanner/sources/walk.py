"""Walking folders: lazily, whatever their depth and size.

Everything is opened read-only; links are not followed, and nothing is written.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from scanner.containers.budget import Budget
from scanner.containers.zip_names import CP437
from scanner.files import Folder, open_readonly
from scanner.limits import Limits
from scanner.processes import ProcessError
from scanner.record import Status, path_text
from scanner.roots import Roots
from scanner.sources.expand import INSIDE, Means, open_file
from scanner.sources.found import Found, Met
from scanner.sources.isolated import Readers
from scanner.sources.split import Splits

LONGEST_FOLDER = 65_536  # characters of a folder's path; or one chain of folders never ends
TOO_DEEP = f"its path is longer than {LONGEST_FOLDER:,} characters; what is in it was not read"
SPECIAL_FILE = "a device, pipe or socket, not a regular file"


def walk(
    roots: Sequence[Path] | Roots,
    limits: Limits,
    passwords: Sequence[str] = (),
    total: Budget | None = None,
    zip_names: str = CP437,
) -> Iterator[Found | Met]:
    """Everything under `roots`, lazily: a Found for bytes to examine, a Met for what has none.

    Paths are relative to a single root folder, else they start with the root as it was given.
    passwords: tried in turn on whatever is encrypted. total: what may be expanded in all, where
    several walks share it. zip_names: the code page of names in zips that say nothing of it.
    Whatever an entry does costs that entry, which gets a Met; raises ProcessError when no process
    can be had to read a container.
    """
    with Readers(limits, passwords, zip_names) as readers:
        evidence = roots if isinstance(roots, Roots) else Roots(roots)
        means = Means(readers, Splits(limits, evidence), total or Budget.of_scan(limits))
        is_single = len(evidence.paths) == 1
        for number, (root, place) in enumerate(zip(evidence.paths, evidence.places(), strict=True)):
            name = root.name if is_single else str(root)
            if number in evidence.apart:
                entries = _walk_root(root, name, is_single, means)
            else:
                entries = _open_root(Path(place), name, means)
            yield from _kept(path_text(name), entries)


def _open_root(place: Path, name: str, means: Means) -> Iterator[Found | Met]:
    """A regular file, as was seen when nothing had been written yet.

    So it is no link that might lead to what was, and what became one meanwhile is not followed.
    """
    with open_readonly(place) as stream:
        yield from open_file(stream, path_text(name), means)


def _walk_root(root: Path, name: str, is_single: bool, means: Means) -> Iterator[Found | Met]:
    mode = root.stat().st_mode
    place = root.resolve()  # a link that the user names is followed; workers are elsewhere
    if stat.S_ISDIR(mode):
        yield from _walk_folders(str(place), "" if is_single else f"{root}{os.sep}", means)
    elif stat.S_ISREG(mode):
        with open_readonly(place) as stream:
            yield from open_file(stream, path_text(name), means)
    else:
        yield Met(path_text(name), 0, Status.UNSUPPORTED, SPECIAL_FILE)


def _kept(text: str, entries: Iterator[Found | Met]) -> Iterator[Found | Met]:
    """What becomes of the one entry `text`, whose trouble, of any kind, becomes its row."""
    last, has_row = None, False
    try:
        for last in entries:
            has_row = has_row or last.path == text
            yield last
    except ProcessError:  # the scan's trouble, not the entry's
        raise
    except Exception as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        sentence = f"it cannot be read: {path_text(reason)}"
        if last is None or not has_row:  # that of a container comes last
            yield Met(text, 0, Status.UNREADABLE, sentence)
        else:  # the entry has its row, and this is of what lies inside
            yield Met(f"{text}{INSIDE}", last.position + 1, Status.UNREADABLE, sentence)


@dataclass
class _Level:
    """A folder that a walk is in, and those in it that are still to be met."""

    name: str
    identity: tuple[int, int] | None
    subfolders: list[str] = field(default_factory=list)


def _walk_folders(top: str, prefix: str, means: Means) -> Iterator[Found | Met]:
    """All that lies in the folder `top`, whose entries' names begin with `prefix`.

    Subfolders come after files. Whatever the depth, two folders are open at most, and all that is
    kept is the names of those still to be met.
    """
    try:
        folder = Folder(top)
    except OSError as error:
        yield _unreadable(prefix or ".", error)
        return
    path = top.rstrip(os.sep)
    levels = [_Level("", folder.identity)]
    try:
        yield from _list(folder, prefix, levels[-1].subfolders, means)
        while True:
            if not levels[-1].subfolders:
                left = len(levels.pop().name) + 1
                if not levels:
                    return
                path, prefix = path[:-left], prefix[:-left]
                folder = _above(folder, path or os.sep, levels[-1].identity)
                continue
            name = levels[-1].subfolders.pop()
            inner = f"{prefix}{name}{os.sep}"
            if len(inner) > LONGEST_FOLDER:
                yield Met(path_text(inner), 0, Status.OVER_LIMIT, TOO_DEEP)
                continue
            try:
                inmost = Folder(f"{path}{os.sep}{name}", folder)
            except OSError as error:
                yield _unreadable(inner, error)
                continue
            folder.close()
            folder, path, prefix = inmost, inmost.path, inner
            levels.append(_Level(name, folder.identity))
            yield from _list(folder, prefix, levels[-1].subfolders, means)
    finally:
        folder.close()


def _above(folder: Folder, path: str, identity: tuple[int, int] | None) -> Folder:
    """The folder at `path`, which `folder` lies in; itself where that cannot be opened any more."""
    try:
        above = Folder(path, folder, identity)
    except OSError:  # the rows of what is still to be met there will say so
        return folder
    folder.close()
    return above


def _unreadable(name: str, error: OSError) -> Met:
    reason = f"the folder cannot be read: {error.strerror}"
    return Met(path_text(name), 0, Status.UNREADABLE, reason)


def _list(
    folder: Folder, prefix: str, subfolders: list[str], means: Means
) -> Iterator[Found | Met]:
    """The entries of one folder but for its subfolders, whose names are added to `subfolders`."""
    entries = folder.entries()
    while True:
        try:
            entry = next(entries, None)
        except OSError as error:
            reason = f"the folder could be listed only in part: {error.strerror}"
            yield Met(path_text(prefix or "."), 0, Status.UNREADABLE, reason)
            return
        if entry is None:
            return
        text = path_text(f"{prefix}{entry.name}")
        yield from _kept(text, _meet(entry, folder, text, subfolders, means))


def _leads_elsewhere(name: str) -> bool:
    """Whether a name in a folder is none that a file in it can have."""
    if os.name == "posix":  # where asking pathlib takes longer, and says the same
        return "/" in name or name in ("", ".")
    return Path(name).name != name


def _meet(
    entry: os.DirEntry[str],
    folder: Folder,
    text: str,
    subfolders: list[str],
    means: Means,
) -> Iterator[Found | Met]:
    if _leads_elsewhere(entry.name):  # of a damaged file system; it would lead elsewhere
        yield Met(text, 0, Status.UNREADABLE, "the folder lists a name that no file can have")
        return
    mode = entry.stat(follow_symlinks=False).st_mode
    if stat.S_ISDIR(mode):
        subfolders.append(entry.name)
    elif stat.S_ISREG(mode):
        with folder.open(entry.name) as stream:
            yield from open_file(stream, text, means)
    elif stat.S_ISLNK(mode):
        reason = "a symbolic link; links are not followed, name its target to scan it"
        yield Met(text, 0, Status.UNSUPPORTED, reason)
    else:
        yield Met(text, 0, Status.UNSUPPORTED, SPECIAL_FILE)
