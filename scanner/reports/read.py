"""Reads the reports that this package writes back into records, one at a time."""

from __future__ import annotations

import csv
import json
import types
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, TextIO, TypeVar, get_args, get_type_hints

from scanner.errors import ImgscanError
from scanner.record import Origin, Record, Status, Verdict
from scanner.vics import SUFFIX

# A cell may hold a whole workflow; Python's own limit is 128 KiB.
LARGEST_CELL = 2**31 - 1
REQUIRED = ("path", "position", "status")
FIRST_JSON_LINE = '{"scan": '
T = TypeVar("T")


class ReadError(ImgscanError):
    """A report cannot be read; the sentence says why."""


def read_records(report: Path) -> Iterator[Record]:
    """The records of a .csv, .json or .jsonl report, in its order.

    Columns that the report, of another version, does not have are None. Raises ReadError.
    """
    return _read(report, record_of)


def is_readable(report: Path) -> bool:
    """Whether reports of that name can be read; VICS is JSON, too, but holds no rows."""
    return report.suffix.lower() in READERS and not report.name.lower().endswith(SUFFIX)


def columns_of(report: Path) -> frozenset[str]:
    """The columns of a report, which may be of another version; none of one without rows.

    Raises ReadError.
    """
    with closing(_read(report, frozenset)) as rows:
        return next(rows, frozenset())


def _read(report: Path, made: Callable[[dict[str, Any]], T]) -> Generator[T]:
    """What `made` makes of the columns and values of each row. Raises ReadError."""
    if not is_readable(report):
        raise ReadError(f"{report} is none of the reports that can be read: {', '.join(READERS)}.")
    count = 0
    try:
        with report.open(encoding="utf-8", newline="") as stream:
            for values in READERS[report.suffix.lower()](stream):
                yield made(values)
                count += 1
    except OSError as error:
        raise ReadError(f"{report} cannot be read: {error.strerror or error}.") from error
    except (ValueError, TypeError, KeyError, AttributeError, ArithmeticError, csv.Error) as error:
        raise ReadError(
            f"{report} is no report of imgscan or is damaged, after {count:,} files: {error}."
        ) from error
    except RecursionError as error:
        raise ReadError(
            f"{report} is no report of imgscan, after {count:,} files: it is nested too deeply."
        ) from error


def _read_csv(stream: TextIO) -> Iterator[dict[str, Any]]:
    csv.field_size_limit(LARGEST_CELL)
    rows = csv.reader(stream, strict=True)
    names = next(rows, [])
    if missing := set(REQUIRED).difference(names):
        raise ValueError(f"it has no column {' or '.join(sorted(missing))}")
    for row in rows:
        # A leading quote is always the writer's guard against formulas.
        cells = (cell.removeprefix("'") or None for cell in row)
        yield dict(zip(names, cells, strict=True))


def _read_json(stream: TextIO) -> Iterator[dict[str, Any]]:
    """The writer gives the scan's facts one line and every file another; so memory stays flat."""
    if not stream.readline().startswith(FIRST_JSON_LINE):
        raise ValueError("its first line does not hold the facts of a scan")
    next(stream, None)  # "files": [
    for line in stream:
        if line == "]}\n":
            return
        yield json.loads(line.rstrip(",\n"))
    raise ValueError("its end is missing")


def _read_json_lines(stream: TextIO) -> Iterator[dict[str, Any]]:
    return map(json.loads, stream)


READERS: dict[str, Callable[[TextIO], Iterator[dict[str, Any]]]] = {
    ".csv": _read_csv,
    ".json": _read_json,
    ".jsonl": _read_json_lines,
    ".ndjson": _read_json_lines,
}


def _text(value: Any) -> str:
    """`value`, if it is text that every report can hold."""
    if not isinstance(value, str):
        raise TypeError(f"{value!r:.80} is no text")
    value.encode()  # no lone surrogates
    return value


def _whole(value: Any) -> int:
    """Of 64 bits, as databases hold."""
    number = int(value)
    if (isinstance(value, float) and number != value) or not -(2**63) <= number < 2**63:
        raise ValueError(f"{value!r:.80} is no whole number of 64 bits")
    return number


def _kinds() -> dict[str, Callable[[Any], Any]]:
    """What turns each column's text into its value; only what is not text already."""
    kinds = {}
    for name, hint in get_type_hints(Record).items():
        kind = next(kind for kind in get_args(hint) or (hint,) if kind is not types.NoneType)
        if kind in (int, float, Status, Verdict, Origin):
            kinds[name] = _whole if kind is int else kind
    return kinds


KINDS = _kinds()
COLUMNS = tuple(get_type_hints(Record))


def record_of(values: dict[str, Any]) -> Record:
    """The record with these values by column, some maybe as text. Raises ValueError, TypeError."""
    found: dict[str, Any] = {name: values.get(name) for name in COLUMNS}
    for name, value in found.items():
        if value is not None:
            found[name] = KINDS.get(name, _text)(value)
    for name in REQUIRED:
        if found[name] is None:
            raise ValueError(f"a file has no {name}")
    return Record(**found)
