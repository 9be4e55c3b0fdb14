"""Protects: CSV is RFC 4180, harmless in a spreadsheet, and gives every value back."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable

import pytest

from scanner.record import Record, columns, path_text
from scanner.reports.csv import write

# The grammar of RFC 4180, section 2, with the text of a field as wide as UTF-8 allows.
FIELD = r'(?:"(?:[^"]|"")*"|[^",\r\n]*)'
RFC_4180 = re.compile(rf"(?:{FIELD}(?:,{FIELD}){{{len(columns()) - 1}}}\r\n)*")


def text_of(records: list[Record]) -> str:
    stream = io.BytesIO()
    write(stream, records, {})
    return stream.getvalue().decode("utf-8")


def test_follows_rfc_4180(records: list[Record]) -> None:
    assert RFC_4180.fullmatch(text_of(records))


def test_gives_every_value_back(records: list[Record]) -> None:
    rows = list(csv.reader(io.StringIO(text_of(records), newline=""), strict=True))
    assert rows[0] == [column.name for column in columns()]
    for record, row in zip(records, rows[1:], strict=True):
        restored = [cell.removeprefix("'") for cell in row]
        assert restored == ["" if value is None else str(value) for value in vars(record).values()]


@pytest.mark.parametrize("start", "=+-@＝＋－＠")
@pytest.mark.parametrize("blanks", ["", " ", "   ", "\t", "\r\n", " \t\u00a0"])
def test_no_cell_starts_a_formula(start: str, blanks: str, record: Callable[..., Record]) -> None:
    text = f"{blanks}{start}cmd|' /C calc'!A0"
    made = record(path=path_text(text), reason=text, error=text)
    row = list(csv.reader(io.StringIO(text_of([made]), newline=""), strict=True))[1]
    for name in ("reason", "error"):
        cell = row[[column.name for column in columns()].index(name)]
        assert cell == f"'{text}"
    assert not re.match(r"\s*[=+\-@＝＋－＠]", row[0])


def test_numbers_are_plain(record: Callable[..., Record]) -> None:
    line = text_of([record(bytes=1_234_567, llr=-12.5, p_fake=0.25)]).splitlines()[1]
    assert ",1234567," in line
    assert ",0.25," in line
    assert ",-12.5," in line


def test_the_stream_stays_open(record: Callable[..., Record]) -> None:
    stream = io.BytesIO()
    write(stream, [record()], {})
    assert not stream.closed
