"""Scans with a report that shows pictures, and evidence for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PIL import Image

from scanner.reports.gallery import Picture
from scanner.scan import run_scan
from scanner.scan.request import Request
from tests.conftest import encoded

Shown = dict[tuple[str, int | None], Picture | None]  # by path and page


def scan(evidence: Path, model: Path, *names: str, **more: Any) -> list[Path]:
    """The reports of that name, beside the evidence."""
    reports = tuple(evidence.with_name(name) for name in names)
    values: dict[str, Any] = {"device": "cpu", "workers": 2, "batch_size": 3} | more
    run_scan(Request(paths=(evidence,), reports=reports, model=str(model), **values))
    return list(reports)


def grey(level: int, side: int = 32) -> bytes:
    return encoded(Image.new("RGB", (side, side), (level,) * 3), "PNG")


def document(*levels: int) -> bytes:
    """A TIFF with a grey page for each level."""
    first, *rest = (Image.new("RGB", (32, 32), (level,) * 3) for level in levels)
    return encoded(first, "TIFF", save_all=True, append_images=rest)
