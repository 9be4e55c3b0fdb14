"""A report that writes down which pictures it is given to show."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from scanner.record import Record
from scanner.reports import html
from scanner.reports.gallery import Gallery
from tests.scanner.scan.showing import Shown


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Shown:
    """What the last HTML report was given for each row; such a report is of two files here."""
    found: Shown = {}

    def write(
        path: Path, records: Iterable[Record], _scan: dict[str, Any], gallery: Gallery
    ) -> list[Path]:
        found.clear()
        found.update({(row.path, row.page): gallery.picture(row) for row in records})
        files = [path, path.with_name(f"{path.stem}-2.html")]
        for file in files:
            file.write_text(f"{found!r}\n{gallery.blurred}")
        return files

    monkeypatch.setattr(html, "write", write)
    return found
