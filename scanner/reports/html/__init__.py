"""HTML: pages to look through and to hand over, with the pictures in them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from scanner.record import Record
from scanner.reports.gallery import Gallery


def write(
    path: Path, records: Iterable[Record], scan: dict[str, Any], gallery: Gallery
) -> list[Path]:
    """Write the report to `path`; returns all the files that make it up, `path` first."""
    with path.open("w", encoding="utf-8") as stream:
        for record in records:
            stream.write(f"{record.sha256} {gallery.picture(record) is not None}\n")
    return [path]
