"""Protects: the report can be read by keyboard and screen reader, in light and dark, on a narrow
screen, on paper, and without scripts."""

from __future__ import annotations

import io
import unicodedata
from typing import TYPE_CHECKING

import pytest
from pypdf import PdfReader

from scanner.record import Record
from tests.scanner.reports.html.browsing import Open, assert_shown, choose, style

if TYPE_CHECKING:
    from playwright.sync_api import Page


def test_by_keyboard_alone(opened: Open) -> None:
    page = opened()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the pictures"
    page.keyboard.press("Enter")
    reached = []
    for _ in range(14):
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate("document.activeElement.name || document.activeElement.className")
        )
    for control in ("group", "origin", "folder", "text", "least", "most", "order", "blur"):
        assert control in reached
    assert reached.index("shot") < reached.index("path")
    assert style(page.locator(":focus"), "outlineStyle") == "solid"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("place", ["", "#c3"])
def test_nothing_keeps_a_screen_reader_or_weak_eyes_out(
    scheme: str, place: str, opened: Open
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    found = axe.run(opened(place=place, color_scheme=scheme))
    assert not found.response["violations"]


def test_light_dark_and_paper(opened: Open) -> None:
    light, dark = (opened(color_scheme=scheme) for scheme in ("light", "dark"))
    assert style(light.locator("body"), "backgroundColor") == "rgb(255, 255, 255)"
    assert style(dark.locator("body"), "backgroundColor") != "rgb(255, 255, 255)"
    dark.emulate_media(media="print")
    assert style(dark.locator("body"), "backgroundColor") == "rgb(255, 255, 255)"


@pytest.mark.parametrize("width", [320, 800])
def test_a_narrow_window_needs_no_scrolling_sideways(width: int, opened: Open) -> None:
    for place in ("", "#c3"):
        page = opened(place=place, viewport={"width": width, "height": 700})
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_printed_it_has_every_row_and_no_controls(opened: Open, rows: list[Record]) -> None:
    text = pdf_text(opened())
    for row in rows:
        assert "".join(row.path.split()) in text
    assert "Notexamined" in text or "notexamined" in text
    assert "Sortby" not in text
    assert f"{len(rows)}of{len(rows)}rowsshown" in text
    few = opened()
    choose(few, group="real")
    assert f"3of{len(rows)}rowsshown" in pdf_text(few), "paper says what it leaves out"
    one = pdf_text(opened(place="#c4"))
    assert "Everyfield" in one
    assert "nevertheonlygroundforanaccusation" in one
    assert "Allpictures" not in one


def pdf_text(page: Page) -> str:
    """All text of the printed page, without white space, which a PDF does not keep."""
    printed = PdfReader(io.BytesIO(page.pdf()))
    text = "".join(sheet.extract_text() for sheet in printed.pages)
    return "".join(unicodedata.normalize("NFKC", text).split())


def test_without_scripts_everything_is_there_to_read(opened: Open, rows: list[Record]) -> None:
    page = opened(java_script_enabled=False)
    assert page.locator("#cards li").count() == len(rows)
    assert_shown(page.locator("noscript p"))
    page.locator("#cards li").last.scroll_into_view_if_needed()
    assert_shown(page.locator("#cards li").last)
