"""What tests do with a report in a browser."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

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


def assert_shown(locator: Locator) -> None:
    """A page answers to a click or key when it comes to it, which may take a while."""
    from playwright.sync_api import expect

    expect(locator).to_be_visible()


def assert_hidden(locator: Locator) -> None:
    """As `assert_shown`."""
    from playwright.sync_api import expect

    expect(locator).not_to_be_visible()
