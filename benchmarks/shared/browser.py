"""A real, headless Chromium, as systems package it, driven by Playwright."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser

NAMES = ("chromium", "chromium-browser", "google-chrome")
# Chromium asks its maker's servers for this and that on its own account.
QUIET = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
)


def why_none() -> str | None:
    """Why there is no browser, and what to install; None if there is one."""
    if find_spec("playwright") is None:
        return "Playwright is not installed: pip install playwright"
    if _program() is None:
        return "no Chromium is installed: apt-get install chromium"
    return None


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser that keeps nothing. Call only where `why_none()` is None."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_program(), args=QUIET)
        try:
            yield browser
        finally:
            browser.close()


def _program() -> str | None:
    return next(filter(None, map(shutil.which, NAMES)), None)
