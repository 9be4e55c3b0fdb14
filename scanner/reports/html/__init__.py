"""HTML: pages to look through and to hand over, with the pictures in them.

A page holds all that it shows, loads nothing and works without a network. Of more rows than one
page takes, the pages lie in a folder beside the report, which leads to them.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from scanner.files import replacing
from scanner.record import Record
from scanner.reports.gallery import Gallery
from scanner.reports.html import parts
from scanner.reports.html.card import Card, card
from scanner.reports.html.page import Page
from scanner.reports.html.summary import summary


def write(
    path: Path, records: Iterable[Record], scan: dict[str, Any], gallery: Gallery
) -> list[Path]:
    """Write the report to `path`; returns all the files that make it up, `path` first.

    Each appears complete or not at all, `path` last. Raises OSError.
    """
    cards = (card(record, gallery.picture(record)) for record in records)
    values: dict[str, Any] = {"summary": summary(scan), "blurred": gallery.blurred}
    if sum(scan.get("statuses", {}).values()) <= parts.MOST_ROWS:
        with replacing(path) as partial:
            _write_page(partial, cards, values)
        parts.remove(path)
        return [path]
    with replacing(path) as partial, parts.writing(path, cards, values) as pages:
        values |= {"parts": pages, "folder": parts.folder_name(path)}
        _write_page(partial, (), values)
    return [path, *(parts.folder_of(path) / page.name for page in pages)]


def _write_page(path: Path, cards: Iterable[Card], values: dict[str, Any]) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as stream:
        page = Page(stream, **values)
        for each in cards:
            page.add(each)
        page.end()
