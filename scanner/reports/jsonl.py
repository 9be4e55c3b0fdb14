"""JSON Lines: one record a line."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any, TextIO

from scanner.record import Record


def write(stream: TextIO, records: Iterable[Record], scan: dict[str, Any]) -> None:
    for record in records:
        stream.write(json.dumps(asdict(record), ensure_ascii=False) + "\n")
