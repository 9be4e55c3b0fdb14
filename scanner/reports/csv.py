"""CSV as in RFC 4180, in UTF-8, with a header row, safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable
from typing import Any, BinaryIO

from scanner.record import Record, columns

# A cell that starts with one of these runs as a formula in some spreadsheet, also behind blanks
# or in the full-width forms of East Asian keyboards. The quote that guards it is part of the
# escape too, so that removing one leading quote always restores the text.
FORMULA_START = re.compile(r"'|\s*[=+\-@＝＋－＠]|[\t\r\n]")


def write(stream: BinaryIO, records: Iterable[Record], scan: dict[str, Any]) -> None:
    text = io.TextIOWrapper(stream, encoding="utf-8", newline="")
    writer = csv.writer(text)
    writer.writerow(column.name for column in columns())
    for record in records:
        writer.writerow(_cell(value) for value in vars(record).values())
    text.detach()


def _cell(value: Any) -> Any:
    if isinstance(value, str) and FORMULA_START.match(value):
        return f"'{value}"
    return value
