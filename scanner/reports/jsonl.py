"""JSON Lines: one record a line."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, BinaryIO

from scanner.record import Record


def write(stream: BinaryIO, records: Iterable[Record], scan: dict[str, Any]) -> None:
    # ASCII: some readers end a line at Unicode's own separators, which names may hold.
    for record in records:
        stream.write(json.dumps(vars(record), allow_nan=False).encode("ascii") + b"\n")
