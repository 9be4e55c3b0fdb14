"""Protects: in a real browser each picture has its page, whole, with its fields and its map, and
the way to the others and back."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from scanner.occlusion import Region
from scanner.record import Record
from scanner.reports import write_report
from scanner.reports.gallery import Gallery, Picture
from tests.scanner.reports.html.browsing import (
    Open,
    assert_hidden,
    assert_shown,
    choose,
    paths,
    style,
    wait,
)
from tests.scanner.reports.html.conftest import thumbnail

if TYPE_CHECKING:
    pass


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
    assert_shown(one)
    assert_hidden(page.locator("#cards"))
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
    assert_hidden(one)
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
    assert_shown(page.locator("#cards"))


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
    assert_hidden(page.locator("#one .of-file"))


def test_where_the_evidence_lies_is_drawn_on_the_picture(opened: Open) -> None:
    page = opened()
    page.locator("#cards .path", has_text="a/fake.jpg").click()
    one = page.locator("#one")
    parts_drawn = one.locator(".map span")
    assert_hidden(parts_drawn.first)  # as blurred as the picture
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
    assert_hidden(parts_drawn.first)
    page.keyboard.press("Escape")
    page.locator("#cards .path", has_text="views fake").click()
    assert parts_drawn.all_text_contents() == ["1.50", "-0.75"]
    page.keyboard.press("Escape")
    page.locator("#cards .path", has_text="small real").click()
    assert parts_drawn.count() == 0
    assert_hidden(one.locator(".map-words"))
