"""Very many paths, held as text."""

from __future__ import annotations

import os
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

NAMELESS = frozenset({"", os.curdir})  # what names the folder before it
SEPARATOR = re.escape(os.sep)
# Paths that follow each other in one folder: its name with a separator, and names, each with a NUL.
RUN = re.compile(rf"((?:[^\0]*{SEPARATOR})?)[^\0{SEPARATOR}]*\0(?:\1[^\0{SEPARATOR}]*\0)*+")


class Run(NamedTuple):
    """Paths that follow each other in one folder, which `beginning` and one of `names` make up.

    start: the number of the first. beginning: with a separator at its end, or empty.
    """

    start: int
    beginning: str
    names: list[str]


class Paths(Sequence[Path]):
    """Paths that are held as text, with a folder's name once for those that follow each other.

    text: the paths, with a NUL between them and maybe one at the end; empty ones are none.
    """

    def __init__(self, text: str) -> None:
        if os.altsep:
            text = text.replace(os.altsep, os.sep)
        self.runs: list[Run] = []
        self._length = 0
        beginnings: dict[str, str] = {}
        for found in RUN.finditer(text if text.endswith("\0") else f"{text}\0"):
            folder = found[1]
            if folder not in beginnings:
                beginnings[folder] = beginning_of(folder)
            names = found[0][len(folder) : -1].split(f"\0{folder}")
            if not folder:  # where an empty name is an empty path
                names = list(filter(None, names))
            if not NAMELESS.isdisjoint(names):
                self._add_odd(folder, names)
            elif names:
                self._add(beginnings[folder], names)

    def _add(self, beginning: str, names: list[str]) -> None:
        self.runs.append(Run(self._length, beginning, names))
        self._length += len(names)

    def _add_odd(self, folder: str, names: Sequence[str]) -> None:
        """As pathlib has them: a/ and a/. are a."""
        for name in names:
            path = Path(folder + name)
            self._add(beginning_of(str(path).removesuffix(path.name)), [path.name])

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return tuple(self[number] for number in range(*index.indices(len(self))))
        number = range(len(self))[index]
        run = self.runs[bisect_right(self.runs, number, key=lambda run: run.start) - 1]
        return Path(run.beginning, run.names[number - run.start])

    def __iter__(self) -> Iterator[Path]:
        return map(Path, self.texts())

    def texts(self) -> Iterator[str]:
        """As their `str` has it."""
        return (it.beginning + name or os.curdir for it in self.runs for name in it.names)

    def repeat(self) -> bool:
        """Whether two are the same by their text."""
        folders: dict[str, list[Run]] = {}
        for run in self.runs:
            folders.setdefault(run.beginning, []).append(run)
        return any(
            len(set(names_of(runs))) < sum(len(run.names) for run in runs)
            for runs in folders.values()
        )


def paths_of(paths: Sequence[Path]) -> Paths:
    """The same, as text. Raises ValueError for a NUL in one, which no system has."""
    found = Paths("\0".join(map(str, paths)))
    if len(found) != len(paths):
        raise ValueError("a path holds a NUL")
    return found


def beginning_of(folder: str) -> str:
    """How the paths in `folder` begin, as pathlib writes them."""
    plain = str(Path(folder))
    if plain == os.curdir:
        return ""
    return plain if plain.endswith(os.sep) else plain + os.sep


def names_of(runs: Iterable[Run]) -> Iterator[str]:
    """Their names, one after the other."""
    return chain.from_iterable(run.names for run in runs)
