"""JSON: one object with the facts of the scan and the list of its files."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from scanner.record import Record


def write(path: Path, records: Iterable[Record], scan: dict[str, Any]) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as stream:
        stream.write(f'{{"scan": {json.dumps(scan, allow_nan=False)},\n"files": [')
        separator = "\n"
        for record in records:
            row = json.dumps(vars(record), ensure_ascii=False, allow_nan=False)
            stream.write(separator + row)
            separator = ",\n"
        stream.write("\n]}\n")
