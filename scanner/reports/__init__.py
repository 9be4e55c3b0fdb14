"""Report writers, one module a format, chosen by the report's suffix.

A writer takes records in path order and writes them to a text stream, one at a time, so that
memory stays flat. Adding a format adds one module and one entry in WRITERS.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TextIO

from scanner.record import Record
from scanner.reports import csv, json, jsonl

Writer = Callable[[TextIO, Iterable[Record], dict[str, Any]], None]

WRITERS: dict[str, Writer] = {
    ".csv": csv.write,
    ".json": json.write,
    ".jsonl": jsonl.write,
    ".ndjson": jsonl.write,
}


class ReportError(Exception):
    """A report cannot be written; the sentence says why."""


def check_report(path: Path) -> None:
    """Raise ReportError now rather than after the scan, if `path` cannot become a report."""
    if path.suffix.lower() not in WRITERS:
        known = ", ".join(WRITERS)
        raise ReportError(f"{path}: no report format has that suffix; known: {known}.")
    if path.is_dir():
        raise ReportError(f"{path} is a folder; name a file.")
    if not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        raise ReportError(f"{path} cannot be written: {path.parent} is no writable folder.")


def write_report(path: Path, records: Iterable[Record], scan: dict[str, Any]) -> None:
    """Write `path` in the format of its suffix; it appears complete or not at all.

    scan: facts of the whole scan, for formats that have room for them.
    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        with partial.open("w", encoding="utf-8", newline="") as stream:
            WRITERS[path.suffix.lower()](stream, records, scan)
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise ReportError(f"{path} cannot be written: {error.strerror or error}.") from error
