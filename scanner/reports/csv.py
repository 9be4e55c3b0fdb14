"""CSV as in RFC 4180, with a header row, safe to open in a spreadsheet."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import astuple, fields
from typing import Any, TextIO

from scanner.record import Record

# A cell that starts with one of these runs as a formula in spreadsheets. The quote that guards
# it is part of the escape too, so that removing one leading quote always restores the text.
FORMULA_STARTS = ("=", "+", "-", "@", "'")


def write(stream: TextIO, records: Iterable[Record], scan: dict[str, Any]) -> None:
    writer = csv.writer(stream)
    writer.writerow(field.name for field in fields(Record))
    for record in records:
        writer.writerow(_cell(value) for value in astuple(record))


def _cell(value: Any) -> Any:
    if isinstance(value, str) and value.startswith(FORMULA_STARTS):
        return f"'{value}"
    return value
