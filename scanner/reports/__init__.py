"""Report writers, one module a format, chosen by the report's suffix.

A writer fills a stream from records in path order, which it takes one at a time, so that memory
stays flat. Adding a format adds one module and one entry in WRITERS. What is a file of another
program's making has a module of its own, `sqlite`, and what also shows pictures a package, `html`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO

from scanner.errors import ImgscanError
from scanner.files import replacing
from scanner.record import Record, Status, path_text, trouble
from scanner.reports.gallery import Gallery
from scanner.vics import SUFFIX

Writer = Callable[[BinaryIO, Iterable[Record], dict[str, Any]], None]

# The module of each format, which is imported once a report is to be written by it.
WRITERS = {
    ".csv": "csv",
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".jsonld": "case",
    SUFFIX: "vics",
}
DATABASES = (".sqlite", ".db")
PAGES = (".html", ".htm")  # reports that show pictures
SUFFIXES = (*WRITERS, *DATABASES, *PAGES)


class ReportError(ImgscanError):
    """A report cannot be written; the sentence says why."""


def check_report(path: Path) -> None:
    """Raise now rather than after the scan, if `path` cannot become a report.

    Raises ReportError, PagesError.
    """
    if suffix_of(path) is None:
        known = ", ".join(SUFFIXES)
        raise ReportError(f"{path}: no report format has that suffix; known: {known}.")
    if path.is_dir():
        raise ReportError(f"{path} is a folder; name a file.")
    if has_pictures(path):
        _check_pages(path)
    if not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        raise ReportError(f"{path} cannot be written: {path.parent} is no writable folder.")


def suffix_of(path: Path) -> str | None:
    """By which of SUFFIXES a report of that name is written, the longest that it ends in."""
    name = path.name.lower()
    longest = max(filter(name.endswith, SUFFIXES), key=len, default=None)
    return None if name == longest else longest


def has_pictures(path: Path) -> bool:
    """Whether a report of that name shows pictures."""
    return suffix_of(path) in PAGES


def identifies_by_weak_hashes(path: Path) -> bool:
    """Whether a report of that name tells files by MD5 and SHA-1."""
    return suffix_of(path) == SUFFIX


def write_report(
    path: Path,
    records: Iterable[Record],
    scan: dict[str, Any],
    gallery: Gallery = Gallery(),  # noqa: B008  immutable
) -> list[Path]:
    """Write `path` in the format of its suffix; it appears complete or not at all.

    scan: facts of the whole scan, for formats that have room for them. gallery: for those that show
    pictures. Returns the files that make up the report, `path` first. Raises ReportError and, of
    pages that have no place, PagesError.
    """
    from sqlite3 import Error

    try:
        if has_pictures(path):
            from scanner.reports import html

            return html.write(path, map(writable, records), scan, gallery)
        suffix = suffix_of(path) or ""
        with replacing(path) as partial:
            if suffix in DATABASES:
                from scanner.reports import sqlite

                sqlite.write(partial, map(writable, records), scan)
            else:
                with partial.open("wb") as stream:
                    writer(suffix)(stream, map(writable, records), scan)
        return [path]
    except (OSError, Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise ReportError(f"{path} cannot be written: {reason}.") from error


def write_stream(
    stream: BinaryIO, name: str, records: Iterable[Record], scan: dict[str, Any]
) -> None:
    """Write a report to a stream that stays open, in the format that `.name` is the suffix of.

    records: that any report can hold, as `writable` gives them.
    """
    writer(f".{name}")(stream, records, scan)


def writer(suffix: str) -> Writer:
    """What fills a stream with a report of that suffix, one of WRITERS."""
    written: Writer = import_module(f"{__name__}.{WRITERS[suffix]}").write
    return written


def pages_folder(path: Path) -> Path | None:
    """Where pages of a report lie beside it, if it is one that may have several."""
    if not has_pictures(path):
        return None
    from scanner.reports.html import parts

    return parts.folder_of(path)


def _check_pages(path: Path) -> None:
    """As `parts.check_place`. Raises ReportError and PagesError."""
    from scanner.reports.html import parts

    try:
        parts.check_place(path)
    except OSError as error:
        reason = error.strerror or error
        raise ReportError(f"{error.filename} cannot be read: {reason}.") from error


def writable(record: Record) -> Record:
    """`record`, or a row in its place that says what of it some report could not hold."""
    for name, value in vars(record).items():
        if what := trouble(value):
            row: dict[str, Any] = dict.fromkeys(vars(record))
            row["path"] = path_text(record.path)
            row["position"] = 0 if name == "position" else record.position
            row["status"] = Status.UNREADABLE
            row["error"] = f"what was found of it cannot be reported: its {name} is {what}"
            return Record(**row)
    return record
