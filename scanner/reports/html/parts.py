"""A report of more rows than one page takes: pages in a folder, and one that leads to them."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import quote

from scanner.errors import ImgscanError
from scanner.files import file_sha256, partial_path
from scanner.record import Origin, path_text
from scanner.reports.html.card import GROUPS, ORIGINS, Card
from scanner.reports.html.page import START, Page

MOST_ROWS = 12_000  # of one page: ten thousand pictures, and what held them
SUFFIX = ".parts"
NAME = re.compile(rf"(?:{'|'.join(GROUPS)})-[0-9]+\.html")


class PagesError(ImgscanError):
    """Pages of a report cannot be written where they belong; the sentence says why."""


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


def check_place(report: Path) -> None:
    """Raise PagesError for what lies where its pages would, or among them, and no scan left there.

    Raises OSError.
    """
    folder = folder_of(report)
    for place in (folder, partial_path(folder)):
        found = place if place.is_symlink() or (place.exists() and not place.is_dir()) else None
        if foreign := found or next((it for it in _entries(place) if not _is_ours(it)), None):
            raise PagesError(
                f"{foreign} was left by no scan, and pages of the report would lie there. It was "
                "left as it is: move it away, or name another report."
            )


def remove(report: Path) -> None:
    """Take away the pages that earlier scans left of a report. Raises OSError and PagesError."""
    check_place(report)
    folder = folder_of(report)
    for place in (folder, partial_path(folder)):
        _clear(place)


@contextmanager
def writing(report: Path, cards: Iterable[Card], values: dict[str, Any]) -> Iterator[list[Part]]:
    """Write the pages, each of one group of cards; gives what there is to say of each.

    Their folder takes its place, complete, once what is done meanwhile went well. values: those of
    all pages, as `Page` takes them. Raises OSError and PagesError.
    """
    folder = folder_of(report)
    partial = partial_path(folder)
    check_place(report)
    _clear(partial)  # a killed scan's
    partial.mkdir()
    try:
        yield _write(report, cards, partial, values)
        check_place(report)  # the scan may have taken long
        _clear(folder)
        partial.replace(folder)
    finally:
        with suppress(OSError):
            _clear(partial)


def _write(
    report: Path, cards: Iterable[Card], partial: Path, values: dict[str, Any]
) -> list[Part]:
    index = f"../{quote(os.fsencode(report.name))}"
    folder = quote(os.fsencode(folder_of(report).name))
    done: list[Part] = []
    with ExitStack() as stack:
        at_work: dict[str, _OpenPage] = {}
        for card in cards:
            page = at_work.get(card.group)
            if page is None or page.part.rows == MOST_ROWS:
                number = 1 if page is None else page.part.number + 1
                if page is not None:
                    done.append(page.end())
                name = f"{card.group}-{number}.html"
                stream = (partial / name).open("w", encoding="utf-8", newline="\n")
                stack.enter_context(stream)
                part = Part(name, f"{folder}/{name}", card.group, number)
                page = at_work[card.group] = _OpenPage(part, stream, index, values)
            page.add(card)
        done += [page.end() for page in at_work.values()]
    for part in done:
        part.sha256 = file_sha256(partial / part.name)
    order = list(GROUPS)
    return sorted(done, key=lambda part: (order.index(part.group), part.number))


class _OpenPage:
    """A page that is being written, and what there is to say of it."""

    def __init__(self, part: Part, stream: TextIO, index: str, values: dict[str, Any]) -> None:
        self.part = part
        self._stream = stream
        said = {"group": part.group, "number": part.number, "index": index}
        self._page = Page(stream, **values, part=said)

    def add(self, card: Card) -> None:
        self.part.add(card)
        self._page.add(card)

    def end(self) -> Part:
        self._page.end()
        self._stream.flush()
        os.fsync(self._stream.fileno())
        self._stream.close()
        return self.part


def _clear(folder: Path) -> None:
    """Take away a folder of pages, and them."""
    for entry in _entries(folder):
        if _is_ours(entry):
            entry.unlink()
    if folder.is_dir():
        folder.rmdir()


def folder_name(report: Path) -> str:
    return path_text(folder_of(report).name)


def _entries(folder: Path) -> Iterator[Path]:
    return folder.iterdir() if folder.is_dir() else iter(())


def _is_ours(entry: Path) -> bool:
    """Whether it is such a page; one is empty where a scan was killed before it wrote anything."""
    if entry.is_symlink() or not entry.is_file() or not NAME.fullmatch(entry.name):
        return False
    with entry.open("rb") as stream:
        return stream.read(len(START)) in (b"", START.encode())
