"""JSON: one object with the facts of the scan and the list of its files."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, BinaryIO

from scanner.record import Record


def write(stream: BinaryIO, records: Iterable[Record], scan: dict[str, Any]) -> None:
    stream.write(f'{{"scan": {json.dumps(scan, allow_nan=False)},\n"files": ['.encode())
    separator = "\n"
    for record in records:
        row = json.dumps(vars(record), ensure_ascii=False, allow_nan=False)
        stream.write((separator + row).encode())
        separator = ",\n"
    stream.write(b"\n]}\n")
