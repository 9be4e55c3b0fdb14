"""Protects: the page is safe to hand over, opens anywhere, and says what the figures are."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest
from PIL import Image

from scanner.validation import Asked, page, validate
from tests.conftest import encoded
from tests.scanner.reports.html.reading import Reader, read
from tests.scanner.validation.conftest import spot

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ODD = "<img src=x onerror=alert(1)> {{ 7 * 7 }}"


@pytest.fixture(scope="module")
def report(looking_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of pictures in folders of hostile names, all misjudged."""
    folder = tmp_path_factory.mktemp("odd")
    for label, shade in (("real", 250), ("fake", 5)):
        place = folder / "set" / label / ODD.replace("/", "")
        place.mkdir(parents=True)
        for number in range(3):
            picture = encoded(spot(shade, shade, number), "PNG")
            (place / f"\u202e{number}'\".png").write_bytes(picture)
    (folder / "set" / "real" / "tiny.png").write_bytes(encoded(Image.new("RGB", (2, 2)), "PNG"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", "/usr/bin:/bin")
        asked = Asked((folder / "set",), folder / "a b.html", str(looking_model), "cpu", 8, 1, 1)
        validate(asked)
    return asked.report


@pytest.fixture(scope="module")
def found(report: Path) -> Reader:
    return read(report)


def test_names_are_text(found: Reader) -> None:
    assert ODD in found.text
    assert not [tag for tag, _ in found.elements if tag in ("img", "script", "iframe", "object")]
    assert "\u202e" not in found.text, "marks that turn the direction of text are escaped"


def test_nothing_is_loaded_or_run(found: Reader) -> None:
    for tag, attributes in found.elements:
        assert not {"src", "srcset", "action", "style"} & attributes.keys(), tag
        assert not [name for name in attributes if name.startswith("on")]
        assert attributes.get("href", "data:,") == "data:,"
    (policy,) = (it["content"] for tag, it in found.elements if "http-equiv" in it)
    (style,) = found.styles
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy == (
        f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; script-src 'none'; "
        "base-uri 'none'; form-action 'none'"
    )


def test_the_page_says_whose_figures_these_are(report: Path, found: Reader) -> None:
    told = json.loads(report.with_suffix(".json").read_bytes())
    for digest in (told["models"][0]["sha256"], told["scan"]["sha256"]):
        assert len(digest) == 64
        assert digest in found.text
    files = (report.with_suffix(suffix) for suffix in (".csv", ".json"))
    assert all(hashlib.sha256(file.read_bytes()).hexdigest() in found.text for file in files)
    assert "Of 3 photographs, 3 were wrongly called AI-generated: 100%" in found.text
    assert "Of 4, 1 lie in no model’s domain and 0 could not be examined." in found.text
    assert "a certain picture which was called fake is a photograph" in found.text
    assert sum(tag == "svg" for tag, _ in found.elements) == 3


def test_the_figures_hold_no_time(report: Path) -> None:
    manifest = json.loads(report.with_suffix(".csv.manifest.json").read_bytes())
    assert manifest["ended"] not in report.with_suffix(".json").read_text()
    assert manifest["ended"][:10] in report.read_text()


def test_a_long_list_of_errors_is_cut_and_says_so(report: Path) -> None:
    told = json.loads(report.with_suffix(".json").read_bytes())
    told["models"][0]["errors"] *= page.MOST_ERRORS
    html = page.page(told, "2026-01-02T03:04:05+00:00", "a b.json", "0" * 64)
    assert f"{page.MOST_ERRORS} of {6 * page.MOST_ERRORS:,}, the photographs first" in html
    assert html.count('<td class="path">') == page.MOST_ERRORS


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_browser_shows_it_in_silence(
    scheme: Literal["light", "dark"], report: Path, browser: Browser
) -> None:
    heard: list[str] = []
    with browser.new_page(color_scheme=scheme, viewport={"width": 390, "height": 800}) as shown:
        shown.on("console", lambda message: heard.append(message.text))
        shown.on("pageerror", lambda error: heard.append(str(error)))
        shown.on("request", lambda request: heard.append(request.url))
        shown.goto(report.as_uri())
        width = shown.evaluate("document.documentElement.scrollWidth")
        inks = shown.evaluate(
            "['.charts text', 'body'].map(it => getComputedStyle(document.querySelector(it)))"
            ".map((it, n) => n ? it.color : it.fill)"
        )
    assert [it for it in heard if it != report.as_uri() and not it.startswith("data:")] == []
    assert width == 390, "wide tables scroll by themselves"
    assert inks[0] == inks[1], "the curves' texts have the colour of the page's"


def test_on_paper_nothing_is_cut(report: Path, browser: Browser) -> None:
    """Paper does not scroll. 680 pixels of CSS lie between the margins of A4."""
    with browser.new_page(viewport={"width": 680, "height": 900}) as shown:
        shown.goto(report.as_uri())
        shown.emulate_media(media="print")
        beyond = shown.evaluate(
            "[...document.body.querySelectorAll('*')].filter(it =>"
            " it.getBoundingClientRect().right > innerWidth + 1).map(it => it.outerHTML)"
        )
        tables = shown.evaluate(
            "[...document.querySelectorAll('.wide')].map(it => getComputedStyle(it).overflowX)"
        )
        inks = shown.evaluate(
            "['.curve', '.frame'].map(it => getComputedStyle(document.querySelector(it)).stroke)"
        )
    assert beyond == []
    assert set(tables) == {"visible"}
    assert inks[0] != inks[1], "a curve that runs beside the frame is told from it"


def test_captions_are_read_without_scrolling(report: Path, browser: Browser) -> None:
    with browser.new_page(viewport={"width": 400, "height": 800}) as shown:
        shown.goto(report.as_uri())
        rights = shown.evaluate(
            "[...document.querySelectorAll('caption, figcaption')]"
            ".map(it => it.getBoundingClientRect().right)"
        )
    assert rights
    assert max(rights) <= 400
