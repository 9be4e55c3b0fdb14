"""Protects: in a real browser the gallery filters, sorts, blurs and loads its pictures, what the
evidence says stays text there, and nothing in it speaks to anybody."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pypdf import PdfReader

from scanner.record import Record, Verdict
from scanner.reports import write_report
from scanner.reports.gallery import Gallery, Picture
from scanner.reports.html import parts
from tests.scanner.reports.html.browsing import Open, choose, paths, style, wait
from tests.scanner.reports.html.conftest import ODD, picture, thumbnail

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


def test_all_rows_are_shown_at_first(opened: Open, rows: list[Record]) -> None:
    page = opened()
    assert paths(page) == [row.path for row in rows]
    assert page.locator("output").text_content() == f"{len(rows)} of {len(rows)} rows shown"


@pytest.mark.parametrize(
    ("choices", "expected"),
    [
        ({"group": "unexamined"}, ["z.zip!/late.jpg"]),
        ({"group": "other"}, ["z.zip"]),
        ({"group": "inconclusive"}, ["outside.jpg", "unsure.jpg"]),
        ({"origin": "camera_declared"}, ["a b/camera.jpg"]),
        ({"folder": "a/deep"}, ["a/deep/small real.png", "a/deep/views fake.jpg"]),
        ({"folder": "z.zip!"}, ["z.zip!/late.jpg"]),
        ({"folder": "a", "group": "real"}, ["a/deep/small real.png"]),
        ({"text": "FAKE"}, ["a/deep/views fake.jpg", "a/fake.jpg"]),
        ({"least": "98"}, ["a/fake.jpg"]),
        ({"least": "1", "most": "10"}, ["a b/camera.jpg", "a/deep/small real.png"]),
        ({"text": "no such"}, []),
    ],
)
def test_filters(opened: Open, choices: dict[str, str], expected: list[str]) -> None:
    page = opened()
    assert choose(page, **choices) == expected
    assert (page.locator("output").text_content() or "").startswith(f"{len(expected)} of ")
    page.locator("[name=blur]").uncheck()
    page.locator("#controls .clear").click()
    assert page.locator("output").text_content() == "13 of 13 rows shown"
    assert not page.locator("[name=blur]").is_checked(), "which is no filter"


def test_choices_say_how_many_there_are(opened: Open) -> None:
    page = opened()
    options = page.locator("[name=folder] option").all_text_contents()
    assert options == ["all", "a (4)", "a b (1)", "a/deep (2)", "z.zip! (1)"]
    groups = page.locator("[name=group] option").all_text_contents()
    assert groups[1:3] == ["fake (6)", "inconclusive (2)"]
    assert "not examined (1)" in groups


def test_sorting_keeps_all_rows_and_puts_those_without_a_figure_last(
    opened: Open, rows: list[Record]
) -> None:
    page = opened()
    by_path = [row.path for row in rows]
    judged = [row for row in rows if row.p_fake is not None]
    highest = [row.path for row in sorted(judged, key=lambda row: -(row.p_fake or 0))]
    without = [row.path for row in rows if row.p_fake is None]
    assert choose(page, order="highest") == highest + without
    lowest = [row.path for row in sorted(judged, key=lambda row: row.p_fake or 0)]
    assert choose(page, order="lowest") == lowest + without
    verdicts = choose(page, order="verdict")
    assert sorted(verdicts) == sorted(by_path)
    assert verdicts[-2:] == ["z.zip!/late.jpg", "z.zip"]
    origins = choose(page, order="origin")
    assert origins[:4] == ["a/deep/views fake.jpg", "outside.jpg", "unsure.jpg", "a b/camera.jpg"]
    folders = choose(page, order="folder")
    assert folders[-1] == "z.zip!/late.jpg"
    assert choose(page, order="path") == by_path


def test_a_total_leads_to_its_pictures(opened: Open) -> None:
    page = opened()
    choose(page, text="no such")
    page.locator(".tile.fake button").click()
    assert len(paths(page)) == 6, "all of them"
    assert page.locator("[name=group]").input_value() == "fake"


def test_a_picture_is_blurred_until_it_is_clicked(opened: Open) -> None:
    page = opened()
    shot = page.locator("#cards .shot").first
    assert "blur" in style(shot.locator("img"), "filter")
    shot.click()
    assert style(shot.locator("img"), "filter") == "none"
    assert "blur" in style(page.locator("#cards .shot img").nth(1), "filter")
    shot.focus()
    page.keyboard.press("Enter")
    assert "blur" in style(shot.locator("img"), "filter")
    names = [it.get_attribute("aria-label") for it in page.locator("#cards .shot").all()]
    assert len(set(names)) == len(names)
    page.locator("[name=blur]").uncheck()
    assert style(shot.locator("img"), "filter") == "none"
    assert shot.is_disabled(), "there is nothing left to show"
    page.locator("[name=blur]").check()
    assert shot.is_enabled()


def test_a_report_without_blur(
    opened: Open, tmp_path: Path, rows: list[Record], facts: dict[str, Any]
) -> None:
    clear = tmp_path / "clear.html"
    write_report(clear, rows, facts, Gallery(picture, blurred=False))
    page = opened(clear)
    assert style(page.locator("#cards .shot img").first, "filter") == "none"
    page.locator("[name=blur]").check()
    assert "blur" in style(page.locator("#cards .shot img").first, "filter")


def test_a_total_of_none_leads_nowhere(
    opened: Open, tmp_path: Path, record: Callable[..., Record], facts: dict[str, Any]
) -> None:
    """Else it would show all rows as if they were what it says there is none of."""
    small = tmp_path / "small.html"
    facts |= {"verdicts": {"real": 1}, "statuses": {"scored": 1}}
    write_report(small, [record(verdict=Verdict.REAL)], facts)
    page = opened(small)
    assert page.locator(".tile.fake button").is_disabled()
    assert page.locator(".tile.real button").is_enabled()


def test_hostile_names_stay_text(opened: Open) -> None:
    page = opened()
    link = page.locator("#cards .path", has_text=ODD)
    assert link.text_content() == ODD
    choose(page, text="onerror")
    link.click()
    assert page.locator("#one h1").text_content() == ODD
    assert page.locator("[onerror], [src=x]").count() == 0


def test_no_script_of_anybody_else_runs(browser: Browser, report: Path) -> None:
    page = browser.new_page()
    page.goto(report.as_uri())
    page.evaluate(
        """() => {
            window.addEventListener("securitypolicyviolation", () => { window.refused = true; });
            const script = document.createElement("script");
            script.textContent = "window.ran = true";
            document.body.append(script);
        }"""
    )
    wait(page, "window.refused")
    assert page.evaluate("window.ran") is None
    page.close()


def test_pictures_far_down_are_loaded_when_they_are_near_or_printed(
    opened: Open, tmp_path: Path, record: Callable[..., Record], facts: dict[str, Any]
) -> None:
    many = [record(path=f"{number:03}.jpg", p_fake=number / 1000) for number in range(250)]
    long = tmp_path / "long.html"
    distinct = Gallery(lambda row: Picture(thumbnail(int(row.path[:3]))))
    write_report(long, many, facts, distinct)

    page = opened(long)
    lists = page.locator("#cards ol")
    assert lists.count() == 3
    assert [lists.nth(place).locator("li").count() for place in (0, 2)] == [100, 0]
    lists.last.scroll_into_view_if_needed()
    wait(page, "document.querySelector('#cards ol:last-child img')?.naturalWidth > 0")
    assert lists.last.locator("li").count() == 50
    assert paths(page)[-1] == "249.jpg"
    page.locator("[name=blur]").uncheck()
    assert page.locator("#cards .shot").last.is_disabled()
    page = opened(long, place="#c200")
    wait(page, "document.querySelector('#one img').naturalWidth > 0")
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.textContent") == "199.jpg"
    page = opened(long)
    assert choose(page, order="highest")[0] == "249.jpg"
    page.locator("#cards li").first.scroll_into_view_if_needed()
    wait(page, "document.querySelector('#cards img').naturalWidth > 0")
    choose(page, text="1")
    expected = len([row for row in many if "1" in row.path])
    assert page.locator("output").text_content() == f"{expected} of 250 rows shown"
    page = opened(long)
    assert images(page) == 0, "blurred ones are left out"
    page.locator("[name=blur]").uncheck()
    assert images(page) == len(many)


def images(page: Page) -> int:
    """How many there are on paper."""
    printed = PdfReader(io.BytesIO(page.pdf()))
    return sum(len(sheet.images) for sheet in printed.pages)


def test_a_path_of_thousands_of_folders_does_not_hang_the_page(
    opened: Open, tmp_path: Path, record: Callable[..., Record], facts: dict[str, Any]
) -> None:
    deep = tmp_path / "deep.html"
    write_report(deep, [record(path="a/" * 30_000 + "x.jpg")], facts)
    page = opened(deep)
    assert page.locator("output").text_content() == "1 of 1 rows shown"
    assert page.locator("[name=folder] option").count() == 17
    assert len(choose(page, folder="a/a/a")) == 1


def test_pages_of_a_large_report_lead_to_each_other(
    opened: Open,
    tmp_path: Path,
    rows: list[Record],
    facts: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(parts, "MOST_ROWS", 4)
    index = tmp_path / "#1 é.html"
    write_report(index, rows, facts, Gallery(picture))
    page = opened(index)
    links = page.locator("#pictures a")
    assert links.all_text_contents() == [
        "fake-1.html", "fake-2.html", "inconclusive-1.html", "real-1.html", "unexamined-1.html",
        "other-1.html",
    ]  # fmt: skip
    links.nth(1).click()
    assert len(paths(page)) == 2
    page.locator("header a").click()
    assert page.locator("#pictures a").count() == 6
