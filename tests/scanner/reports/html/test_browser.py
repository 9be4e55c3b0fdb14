"""Protects: in a real browser the report filters, sorts, opens pictures and prints, by mouse,
keyboard and screen reader, and nothing in it speaks to anybody."""

from __future__ import annotations

import io
import json
import re
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pypdf import PdfReader

from scanner.occlusion import Region
from scanner.record import Record, Verdict
from scanner.reports import write_report
from scanner.reports.gallery import Gallery, Picture
from scanner.reports.html import parts
from tests.scanner.reports.html.conftest import ODD, picture, thumbnail

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

Open = Callable[..., "Page"]


def paths(page: Page) -> list[str]:
    """Of the cards that are shown, in the order on the page."""
    return page.locator("#cards li .path").all_text_contents()


def choose(page: Page, **choices: str) -> list[str]:
    for name, value in choices.items():
        control = page.locator(f"#controls [name={name}]")
        if name in ("group", "origin", "folder", "order"):
            control.select_option(value)
        else:
            control.fill(value)
    return paths(page)


def style(found: Locator, name: str) -> str:
    value: str = found.evaluate("(it, name) => getComputedStyle(it)[name]", name)
    return value


def wait(page: Page, truth: str) -> None:
    """Until a JavaScript expression is true; the page's policy bars Playwright's own way."""
    for _ in range(500):
        if page.evaluate(truth):
            return
        page.wait_for_timeout(20)
    raise AssertionError(truth)


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


@pytest.mark.parametrize("size", [(40, 224), (224, 40), (1, 224), (224, 1)])
def test_a_picture_is_shown_whole_whatever_its_shape(
    size: tuple[int, int],
    opened: Open,
    tmp_path: Path,
    record: Callable[..., Record],
    facts: dict[str, Any],
) -> None:
    odd = tmp_path / "odd.html"
    shown = Picture(thumbnail(3, size=size), (Region(0, 0, 1, 0.5, 1.0),))
    write_report(odd, [record()], facts, Gallery(lambda _: shown, blurred=False))
    page = opened(odd)
    card, image = (page.locator(f"#cards {it}").bounding_box() for it in (".shot", ".shot img"))
    assert card == image, "no larger than its frame, in which it is fitted"
    assert style(page.locator("#cards .shot img"), "objectFit") == "contain"
    page.locator("#cards .path").click()
    wait(page, "document.querySelector('#one .shot').style.length > 0")
    shot, part = (page.locator(f"#one {it}").bounding_box() for it in (".shot", ".map span"))
    assert shot
    assert part
    assert shot["height"] <= 0.81 * 720
    assert shot["width"] / shot["height"] == pytest.approx(size[0] / size[1], rel=0.2, abs=0.02)
    assert part["height"] == pytest.approx(shot["height"] / 2, abs=1)


def test_the_page_of_a_picture(opened: Open) -> None:
    page = opened()
    link = page.locator("#cards .path", has_text="a/fake.jpg")
    link.click()
    one = page.locator("#one")
    assert one.is_visible()
    assert not page.locator("#cards").is_visible()
    assert one.locator("h1").text_content() == "a/fake.jpg"
    assert page.title() == "a/fake.jpg - imgscan report"
    assert "99.0%" in (one.locator(".statement").text_content() or "")
    fields = dict(
        zip(
            one.locator(".fields th").all_text_contents(),
            one.locator(".fields td").all_text_contents(),
            strict=True,
        )
    )
    assert fields["sha256"] == "ab" * 32
    assert fields["p_fake"] == "0.99"
    assert one.locator(".findings tbody tr").count() == 2
    assert one.locator(".fields th").first.get_attribute("title")
    page.keyboard.press("Escape")
    assert not one.is_visible()
    assert page.evaluate("document.activeElement.textContent") == "a/fake.jpg"


def test_going_from_picture_to_picture_stays_within_the_filter(opened: Open) -> None:
    page = opened()
    fakes = choose(page, group="fake", order="highest")
    page.locator("#cards li .path").first.focus()
    page.keyboard.press("Enter")
    heading = page.locator("#one h1")
    wait(page, "!document.getElementById('one').hidden")
    for expected in fakes[1:]:
        page.keyboard.press("ArrowRight")
        assert (heading.text_content() or "").partition(", page")[0] == expected
    page.keyboard.press("ArrowRight")
    assert (heading.text_content() or "").startswith(fakes[-1])
    assert page.locator("#one .place").text_content() == f"{len(fakes)} of {len(fakes)}"
    page.locator("#one .previous").click()
    wait(page, f"document.activeElement.textContent.startsWith({json.dumps(fakes[-2])})")
    page.locator("#one .back").click()
    assert paths(page) == fakes


def test_a_link_to_a_picture_opens_it(opened: Open) -> None:
    page = opened(place="#c2")
    assert page.locator("#one h1").text_content() == "a b/camera.jpg"
    page = opened(place="#nonsense")
    assert page.locator("#cards").is_visible()


def test_the_pages_of_a_file_lead_to_each_other(opened: Open) -> None:
    page = opened()
    page.locator("#cards .path", has_text=re.compile("^pages.tif$")).nth(1).click()
    links = page.locator("#one .of-file a")
    assert [text[:6] for text in links.all_text_contents()] == ["page 1", "page 2", "page 3"]
    assert "(3 of 3)" in (page.locator("#one .of-file h2").text_content() or "")
    assert links.nth(1).get_attribute("aria-current") == "page"
    links.nth(2).click()
    assert "page 3 of 3" in (page.locator("#one figcaption").text_content() or "")
    assert page.locator("#one h1").text_content() == "pages.tif, page 3 of 3"
    assert page.locator("#cards .page").all_text_contents()[-3:] == [
        f"page {number} of 3" for number in (1, 2, 3)
    ]
    choose_all = page.locator("#one .back")
    choose_all.click()
    page.locator("#cards .path", has_text="a/fake.jpg").click()
    assert not page.locator("#one .of-file").is_visible()


def test_where_the_evidence_lies_is_drawn_on_the_picture(opened: Open) -> None:
    page = opened()
    page.locator("#cards .path", has_text="a/fake.jpg").click()
    one = page.locator("#one")
    parts_drawn = one.locator(".map span")
    assert not parts_drawn.first.is_visible(), "as blurred as the picture"
    one.locator(".shot").click()
    image, red, blue = (it.bounding_box() for it in (one.locator("img"), *parts_drawn.all()))
    assert image
    assert red
    assert blue
    assert red["x"] == pytest.approx(image["x"] + image["width"] / 4, abs=1)
    assert red["height"] == pytest.approx(image["height"] / 2, abs=1)
    assert blue["y"] == pytest.approx(image["y"] + image["height"] / 2, abs=1)
    assert style(parts_drawn.nth(0), "backgroundColor").startswith("rgba(220, 40, 20")
    assert style(parts_drawn.nth(1), "backgroundColor").startswith("rgba(20, 60, 160")
    assert parts_drawn.all_text_contents() == ["+", "\u2212"]
    assert "not which parts were" in (one.locator(".map-words").text_content() or "")
    one.locator(".map-choice input").uncheck()
    assert not parts_drawn.first.is_visible()
    page.keyboard.press("Escape")
    page.locator("#cards .path", has_text="views fake").click()
    assert parts_drawn.all_text_contents() == ["1.50", "-0.75"]
    page.keyboard.press("Escape")
    page.locator("#cards .path", has_text="small real").click()
    assert parts_drawn.count() == 0
    assert not one.locator(".map-words").is_visible()


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


def test_without_scripts_everything_is_there_to_read(opened: Open, rows: list[Record]) -> None:
    page = opened(java_script_enabled=False)
    assert page.locator("#cards li").count() == len(rows)
    assert page.locator("noscript p").is_visible()
    page.locator("#cards li").last.scroll_into_view_if_needed()
    assert page.locator("#cards li").last.is_visible()


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
