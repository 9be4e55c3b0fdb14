"""JSON Lines: one record a line."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from scanner.record import Record


def write(path: Path, records: Iterable[Record], scan: dict[str, Any]) -> None:
    # ASCII: some readers end a line at Unicode's own separators, which names may hold.
    with path.open("w", encoding="ascii", newline="\n") as stream:
        for record in records:
            stream.write(json.dumps(vars(record), allow_nan=False) + "\n")
