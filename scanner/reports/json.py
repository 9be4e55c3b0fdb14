"""JSON: one object with the facts of the scan and the list of its files."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any, TextIO

from scanner.record import Record


def write(stream: TextIO, records: Iterable[Record], scan: dict[str, Any]) -> None:
    stream.write(f'{{"scan": {json.dumps(scan, ensure_ascii=False)},\n"files": [')
    separator = "\n"
    for record in records:
        stream.write(separator + json.dumps(asdict(record), ensure_ascii=False))
        separator = ",\n"
    stream.write("\n]}\n")
