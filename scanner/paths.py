"""Names that lead to one place, and what lies in what, by whatever name."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path


class Roots:
    """Evidence as a scan is asked for it, and where it lies: looked up once, of a million paths.

    paths: as they were named. places: the same, resolved, as text. folders: the `identity`,
    by their number, of those that are known to be folders. identities: whose each `identity` is; of
    two that share one, the later path.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = paths
        self.places: list[str] = []
        self.identities: dict[object, Path] = {}
        self.folders: dict[int, object] = {}
        met: dict[str, str] = {}
        for number, path in enumerate(paths):
            place, facts = _place(path, met)
            self.places.append(place)
            if facts is None:
                self.identities[Path(place)] = path
                continue
            same = (facts.st_dev, facts.st_ino)
            self.identities[same] = path
            if stat.S_ISDIR(facts.st_mode):
                self.folders[number] = same

    def holder(self, place: Path) -> Path | None:
        """Which of them the path is, links followed, or a folder above it."""
        return holder(resolved(place), self.identities)

    def inside(self, folders: Mapping[object, Path]) -> Iterator[tuple[Path, Path]]:
        """Each path that lies in one of `folders`, which are by their identity, and that folder."""
        above = list(map(os.path.dirname, self.places))
        holders = {name: holder(Path(name), folders) for name in dict.fromkeys(above)}
        if not any(holders.values()):
            return
        for path, place, name in zip(self.paths, self.places, above, strict=True):
            # The root of a file system is above itself, and lies in nothing.
            if name != place and (folder := holders[name]):
                yield path, folder


def _place(path: Path, met: dict[str, str]) -> tuple[str, os.stat_result | None]:
    """Where a path leads, and what is there, if anything.

    met: how paths began that were met before, up to their last names, with how the places of those
    begin. So of many paths in one folder, no more is looked up than the last name of each, unless
    that is a link.
    """
    name = os.fspath(path)
    try:
        facts = os.lstat(name)
    except OSError:
        return str(resolved(path)), None
    last = name.rpartition(os.sep)[2]
    folder = name.removesuffix(last)  # with its separator: "" is the current folder, "/" is not
    is_plain = os.name == "posix" and last not in ("", os.curdir, os.pardir)
    if is_plain and not stat.S_ISLNK(facts.st_mode):
        if (beginning := met.get(folder)) is None:
            place = str(resolved(Path(folder)))
            beginning = met[folder] = place.removesuffix(os.sep) + os.sep
        return beginning + last, facts
    try:
        return str(resolved(path)), path.stat()
    except OSError:
        return str(resolved(path)), None


def holder(place: Path, roots: Mapping[object, Path]) -> Path | None:
    """Which of `roots`, by their identity, is the resolved path `place` or a folder above it."""
    above = (roots.get(identity(path)) for path in (place, *place.parents))
    return next(filter(None, above), None)


def identity(path: Path) -> object:
    """Equal for two names of one file, be it by a link or in other letters."""
    try:
        facts = path.stat()
    except OSError:  # it does not exist yet
        return resolved(path)
    return facts.st_dev, facts.st_ino


def resolved(path: Path) -> Path:
    """The path without links, as far as the system can tell; never raises."""
    try:
        return path.resolve()
    except (OSError, RuntimeError):  # a link to itself, or a disk that fails
        return path.absolute()


def is_folder(path: Path) -> bool:
    """As Path.is_dir, but never raises."""
    return os.path.isdir(path)  # noqa: PTH112
