"""Evidence as a scan is asked for it, and where it lies; also a list of a million files.

What a scan must know before it writes anything is about a few places: whether one of them lies in
the evidence, by whatever name. A folder may hold any of them and a link lead to any, so each is
looked up. A regular file holds nothing. It is one of those places only where a file lies there
already, and then either in its own folder, maybe in other letters, or as a hard link, which a file
says of itself, or where one of the two is mounted, which the system says. So of regular files,
which is what long lists are of, no more is asked than that they are such, and the entries of their
folder say it of all at once.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache, cached_property
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple

from scanner.files import entries
from scanner.path_list import Paths, Run, beginning_of, names_of, paths_of
from scanner.paths import holder, identity, resolved

MOUNTS = Path("/proc/self/mountinfo")  # of Linux; elsewhere no single file is mounted
ESCAPED = re.compile(r"\\([0-7]{3})")  # a space, say, in a path there
WORTH_LISTING = 16  # names in a folder, from which on its entries are read and not each looked up
MOST_ENTRIES = 4  # for each name, or a few names in a huge folder would cost its whole listing


class Apart(NamedTuple):
    """A root that is more than a regular file in the folder it is named in.

    place: where it leads. identity: as `scanner.paths.identity` has it.
    """

    place: str
    identity: object
    is_folder: bool

    @property
    def may_hold(self) -> bool:
        """Whether others may lie in it: a folder, or what is not there and may be one yet."""
        return self.is_folder or isinstance(self.identity, Path)


class Roots:
    """Evidence as a scan is asked for it, and where it lies: looked up once.

    paths: as they were named. apart: by their number, those that are not regular files in the
    folders that they are named in. On Windows, where one place has many names, that is all.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = paths if isinstance(paths, Paths) else paths_of(paths)
        self.apart: dict[int, Apart] = {}
        self._places: dict[str, str] = {}  # of the folders that they are named in, by beginning
        self._folders: dict[str, list[Run]] = {}  # what is named in which, by its place
        self._repeated: list[list[Run]] = []  # of folders in which a name stands twice
        self._numbered: dict[str, dict[str, int]] = {}
        for run in self.paths.runs:
            if run.beginning not in self._places:
                self._places[run.beginning] = beginning_of(os.path.realpath(run.beginning))
            self._folders.setdefault(self._places[run.beginning], []).append(run)
        for folder, runs in self._folders.items():
            self._look(folder, runs)
        self._mounts = _mount_points()
        for place in self._mounts:
            number = self._number(place)
            if number is not None and (mounted := _identified(place, place)):
                self.apart[number] = mounted
        self.apart = dict(sorted(self.apart.items()))
        self._identities = {it.identity: number for number, it in self.apart.items()}

    def _look(self, folder: str, runs: list[Run]) -> None:
        names = set(names_of(runs))
        if len(names) < sum(len(run.names) for run in runs):
            self._repeated.append(runs)
        if os.name == "posix" and len(names) >= WORTH_LISTING:
            with suppress(OSError), entries(folder) as found:
                met = islice(found, MOST_ENTRIES * len(names))
                names.difference_update([e.name for e in met if e.is_file(follow_symlinks=False)])
            if not names:
                return
        for run in runs:
            for number, name in enumerate(run.names, run.start):
                if name in names and (apart := _apart(folder, run.beginning, name)):
                    self.apart[number] = apart

    def places(self) -> Iterator[str]:
        """Where each leads."""
        return chain.from_iterable(map(self._places_of, self.paths.runs))

    def digest(self) -> str:
        """SHA-256, in hexadecimal, of where they lead: the same for other names of the same."""
        taken = hashlib.sha256()
        for run in self.paths.runs:
            if self.apart:
                text = "\0".join(self._places_of(run))
            else:  # the same, faster
                folder = self._places[run.beginning]
                text = folder + f"\0{folder}".join(run.names)
            taken.update(f"{text}\0".encode(errors="surrogatepass"))
        return taken.hexdigest()

    def _places_of(self, run: Run) -> Iterator[str]:
        folder = self._places[run.beginning]
        for number, name in enumerate(run.names, run.start):
            yield self.apart[number].place if number in self.apart else folder + name

    def holder(self, place: Path) -> Path | None:
        """Which of them the path is, links followed, or a folder above it."""
        place = resolved(place)
        number = holder(place, self._identities)
        return self._file_at(place) if number is None else self.paths[number]

    def _file_at(self, place: Path) -> Path | None:
        """The regular file among them that `place`, which has no links, is or would lie below."""
        for found in (place, *place.parents):
            try:
                facts = found.stat()
            except OSError:  # nothing is there, so none of them is
                continue
            break
        if not stat.S_ISREG(facts.st_mode):
            return None
        has_more_names = facts.st_nlink > 1 or str(found) in self._mounts
        beside = self._runs_by_folder.get(identity(found.parent), ())
        runs = self.paths.runs if has_more_names else beside
        for run in runs:
            for name in run.names:
                with suppress(OSError):
                    if os.path.samestat(os.lstat(run.beginning + name), facts):
                        return Path(run.beginning, name)
        return None

    @cached_property
    def _runs_by_folder(self) -> dict[object, list[Run]]:
        found: dict[object, list[Run]] = {}
        for folder, runs in self._folders.items():
            found.setdefault(identity(Path(folder)), []).extend(runs)
        return found

    def may_hold(self) -> dict[object, Path]:
        """Those that others may lie in, by their identity."""
        return {it.identity: self.paths[n] for n, it in self.apart.items() if it.may_hold}

    def inside(self, folders: Mapping[object, Path]) -> Iterator[tuple[Path, Path]]:
        """Each path that lies in one of `folders`, which are by their identity, and that folder."""
        if not folders:
            return
        holders = cache(lambda place: holder(Path(place), folders))
        for number, apart in self.apart.items():
            above = os.path.dirname(apart.place)  # noqa: PTH120  as of a million
            # The root of a file system is above itself, and lies in nothing.
            if apart.place != above and (folder := holders(above)):
                yield self.paths[number], folder
        for place, runs in self._folders.items():
            if folder := holders(place):
                for run in runs:
                    for number, name in enumerate(run.names, run.start):
                        if number not in self.apart:
                            yield Path(run.beginning, name), folder

    def twins(self) -> tuple[Path, Path] | None:
        """Two of them that are the same, the later first.

        A second hard link to a file is evidence of its own; folders have none.
        """
        met: dict[object, int] = {}
        for number, apart in self.apart.items():
            key = apart.identity if apart.is_folder else apart.place
            file = self._number(apart.place)  # where a link leads to
            same = {number, met.setdefault(key, number)} | ({file} if file is not None else set())
            if len(same) > 1:
                return self.paths[max(same)], self.paths[min(same)]
        for runs in self._repeated:
            named: dict[str, int] = {}
            for run in runs:
                for number, name in enumerate(run.names, run.start):
                    if number not in self.apart and named.setdefault(name, number) != number:
                        return self.paths[number], self.paths[named[name]]
        return None

    def is_file(self, place: str) -> bool:
        """Whether what lies there, which is no folder, is one of them."""
        return place in self._files_apart or self._number(place) is not None

    @cached_property
    def _files_apart(self) -> frozenset[str]:
        return frozenset(it.place for it in self.apart.values() if not it.is_folder)

    def _number(self, place: str) -> int | None:
        """Which of the regular files among them lies at `place`."""
        folder, separator, name = place.rpartition(os.sep)
        folder += separator
        if folder not in self._folders:
            return None
        if folder not in self._numbered:
            self._numbered[folder] = {
                name: number
                for run in self._folders[folder]
                for number, name in enumerate(run.names, run.start)
                if number not in self.apart
            }
        return self._numbered[folder].get(name)


def _apart(folder: str, beginning: str, name: str) -> Apart | None:
    """What the path is more than a regular file in its folder, which lies at the place `folder`."""
    text = beginning + name or os.curdir
    try:
        facts = os.lstat(text)
    except OSError:
        return _missing(text)
    if os.name == "posix" and name not in ("", os.pardir) and not stat.S_ISLNK(facts.st_mode):
        if stat.S_ISREG(facts.st_mode):
            return None
        place = folder + name
    else:
        place = str(resolved(Path(text)))
    return _identified(place, text) or _missing(text)


def _identified(place: str, text: str) -> Apart | None:
    """What lies there, links followed; None where nothing does."""
    try:
        facts = os.stat(text)  # noqa: PTH116  as of a million folders or links
    except OSError:
        return None
    return Apart(place, (facts.st_dev, facts.st_ino), stat.S_ISDIR(facts.st_mode))


def _mount_points() -> frozenset[str]:
    """Where file systems, folders or single files are mounted, as far as the system tells."""
    try:
        text = MOUNTS.read_text(errors="surrogateescape")
    except OSError:
        return frozenset()
    named = (line.split(" ")[4] for line in text.splitlines())
    return frozenset(ESCAPED.sub(lambda code: chr(int(code[1], 8)), name) for name in named)


def _missing(text: str) -> Apart:
    place = resolved(Path(text))
    return Apart(str(place), place, False)
