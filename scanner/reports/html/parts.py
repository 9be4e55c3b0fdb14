"""A report of more rows than one page takes: pages in a folder, and one that leads to them."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from scanner.files import file_sha256, replacing
from scanner.record import Origin, path_text
from scanner.reports.html.card import GROUPS, ORIGINS, Card
from scanner.reports.html.page import START, Page

MOST_ROWS = 10_000  # of one page
SUFFIX = ".parts"


@dataclass
class Part:
    """One page of several. first and last: paths. origins: of its rows."""

    name: str
    href: str
    group: str
    number: int
    rows: int = 0
    first: str = ""
    last: str = ""
    sha256: str = ""
    origins: Counter[Origin] = field(default_factory=Counter)

    def add(self, card: Card) -> None:
        self.rows += 1
        self.first = self.first or card.path
        self.last = card.path
        if card.origin is not None:
            self.origins[card.origin] += 1

    def origins_in_words(self) -> str:
        counts = (f"{self.origins[it]:,} {ORIGINS[it]}" for it in Origin if self.origins[it])
        return "; ".join(counts)


def folder_of(report: Path) -> Path:
    """Where the pages of a report lie that has several."""
    return report.with_name(report.name + SUFFIX)


def foreign(report: Path) -> Path | None:
    """What lies in the place of a report's pages, or among them, and was left by no scan.

    Raises OSError.
    """
    folder = folder_of(report)
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        return folder
    return next((entry for entry in _entries(folder) if not _is_ours(entry)), None)


def remove(report: Path, but: Iterable[Path] = ()) -> None:
    """Take away the pages that an earlier scan left. Raises OSError."""
    folder, kept = folder_of(report), set(but)
    for entry in _entries(folder):
        if entry not in kept and _is_ours(entry):
            entry.unlink()
    if not kept and folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def write_parts(
    report: Path, cards: Iterable[Card], values: dict[str, Any]
) -> tuple[list[Part], list[Path]]:
    """Write the pages, each of one group of cards; returns them and their files.

    values: those of all pages, as `Page` takes them.
    """
    folder = folder_of(report)
    folder.mkdir(exist_ok=True)
    index = f"../{quote(os.fsencode(report.name))}"
    done: list[Part] = []
    with ExitStack() as stack:
        open_pages: dict[str, _OpenPage] = {}
        for card in cards:
            page = open_pages.get(card.group)
            if page is None or page.part.rows == MOST_ROWS:
                number = 1 if page is None else page.part.number + 1
                if page is not None:
                    done.append(page.close())
                page = _OpenPage(folder, card.group, number, index, values)
                stack.push(page.files)
                open_pages[card.group] = page
            page.add(card)
        done += [page.close() for page in open_pages.values()]
    done.sort(key=lambda part: (GROUPS.index(part.group), part.number))
    return done, [folder / part.name for part in done]


class _OpenPage:
    """A page that is being written; it appears whole, under its name, once it is closed."""

    def __init__(
        self, folder: Path, group: str, number: int, index: str, values: dict[str, Any]
    ) -> None:
        name = f"{group}-{number}.html"
        self.part = Part(name, f"{quote(os.fsencode(folder.name))}/{name}", group, number)
        self.files = ExitStack()
        self._path = folder / name
        partial = self.files.enter_context(replacing(self._path))
        stream = self.files.enter_context(partial.open("w", encoding="utf-8", newline="\n"))
        part = {"group": group, "number": number, "index": index}
        self._page = Page(stream, **values, part=part)

    def add(self, card: Card) -> None:
        self.part.add(card)
        self._page.add(card)

    def close(self) -> Part:
        self._page.end()
        self.files.close()
        self.part.sha256 = file_sha256(self._path)
        return self.part


def folder_name(report: Path) -> str:
    return path_text(folder_of(report).name)


def _entries(folder: Path) -> Iterator[Path]:
    return folder.iterdir() if folder.is_dir() else iter(())


def _is_ours(entry: Path) -> bool:
    if entry.is_symlink() or not entry.is_file():
        return False
    with entry.open("rb") as stream:
        return stream.read(len(START)) == START.encode()
