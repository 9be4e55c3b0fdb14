"""A report to look at, and a browser to look with; skipped with a reason where there is none."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from scanner.occlusion import Region
from scanner.record import Origin, Record, Status, Verdict
from scanner.reports import write_report
from scanner.reports.gallery import Gallery, Picture

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

REGIONS = (Region(0.25, 0.0, 0.5, 0.5, 1.5), Region(0.5, 0.5, 0.75, 1.0, -0.75))
NOTHING: dict[str, Any] = {"verdict": None, "origin": None, "p_fake": None, "evidence": None}
ODD = "<img src=x onerror=alert(1)>"


def thumbnail(seed: int = 0, kind: str = "WEBP", size: tuple[int, int] = (96, 64)) -> bytes:
    stream = io.BytesIO()
    noise = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC).save(stream, kind)
    return stream.getvalue()


def picture(record: Record) -> Picture | None:
    """Large ones with a map, small ones without; of what has a verdict."""
    if record.verdict is None:
        return None
    if "small" in record.path:
        return Picture(thumbnail(1, "PNG", (32, 32)))
    return Picture(thumbnail(2), REGIONS, of_views="views" in record.path)


@pytest.fixture
def rows(record: Callable[..., Record]) -> list[Record]:
    """One of everything that the page tells apart."""
    real = {"verdict": Verdict.REAL, "evidence": None}
    made = [
        record(path="a/fake.jpg", p_fake=0.99, origin=None),
        record(path="a/deep/views fake.jpg", p_fake=0.97, origin=Origin.AI_VALIDATED),
        record(path="a/deep/small real.png", p_fake=0.02, origin=None, **real),
        record(path="a b/camera.jpg", p_fake=0.04, origin=Origin.CAMERA_DECLARED, **real),
        record(
            path="unsure.jpg", p_fake=0.5, verdict=Verdict.INCONCLUSIVE, reason="too close to call"
        ),
        record(path="outside.jpg", p_fake=None, verdict=Verdict.INCONCLUSIVE, reason="too small"),
        record(path=ODD, p_fake=0.001, origin=None, reason=ODD, known=ODD, **real),
        record(path="z.zip", status=Status.CONTAINER, error="an archive", **NOTHING),
        record(path="z.zip!/late.jpg", status=Status.TIMEOUT, error="it took too long", **NOTHING),
    ]
    pages = record(path="pages.tif", frames=3, origin=None, p_fake=0.9)
    made += [replace(pages, page=number, p_fake=0.9 + number / 100) for number in (1, 2, 3)]
    made.append(replace(pages, path="a/pages.tif", page=1))
    return sorted(made, key=lambda row: (row.path, row.position, row.page or 0))


@pytest.fixture
def report(tmp_path: Path, rows: list[Record], facts: dict[str, Any]) -> Path:
    path = tmp_path / "report.html"
    facts |= {"origins": {Origin.AI_VALIDATED: 1}, "provenance": "Nothing proves nothing."}
    write_report(path, rows, facts, Gallery(picture))
    return path


@dataclass
class Heard:
    """What a page did that it must not: errors, what it asked for besides files, dialogs."""

    troubles: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        def on_request(request: Any) -> None:
            if not request.url.startswith(("file://", "data:")):
                self.troubles.append(f"asked for {request.url}")

        def on_dialog(dialog: Any) -> None:
            self.troubles.append(f"said {dialog.message}")
            dialog.dismiss()

        page.on("console", lambda message: self.troubles.append(message.text))
        page.on("pageerror", lambda error: self.troubles.append(str(error)))
        page.on("request", on_request)
        page.on("dialog", on_dialog)


@pytest.fixture
def opened(browser: Browser, report: Path) -> Iterator[Callable[..., Page]]:
    """Opens the report, or another file; whatever the page does, it must stay silent."""
    heard = Heard()
    contexts = []

    def open_it(path: Path = report, place: str = "", **options: Any) -> Page:
        contexts.append(browser.new_context(**options))
        page = contexts[-1].new_page()
        heard.watch(page)
        page.goto(path.as_uri() + place)
        return page

    yield open_it
    for context in contexts:
        context.close()
    assert not heard.troubles
