"""Takes the pictures of the HTML report that the pages of docs/ show.

    python -m benchmarks.html.screenshots

The sample evidence is scanned, and a headless Chromium shows the report in light and dark, wide and
narrow, and the page of one picture.
"""

from __future__ import annotations

import io
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import click
from PIL import Image

from benchmarks.shared.browser import chromium, why_none
from benchmarks.shared.process import scan
from trainer.command import Command

ROOT = Path(__file__).parent.parent.parent
EVIDENCE = ROOT / "examples/evidence"
EXPLAINED = "generated/stable-diffusion-035.webp"
DECODED = "Promise.all([...document.images].filter((it) => it.src).map((it) => it.decode()))"
COLOURS = 128  # of the PNGs, which are a third as large so


@dataclass(frozen=True)
class View:
    """A window, and where in the report it looks. picture: the path of one whose page it shows."""

    name: str
    width: int
    height: int
    scheme: Literal["light", "dark"] = "light"
    at: str = "html"
    picture: str | None = None


VIEWS = (
    View("report-totals", 1200, 860),
    View("report-gallery", 1200, 860, at="#pictures"),
    View("report-gallery-dark", 1200, 860, "dark", at="#pictures"),
    View("report-picture", 1200, 860, picture=EXPLAINED),
    View("report-narrow", 400, 800, at="#pictures"),
)


@click.command(cls=Command, context_settings={"show_default": True})
@click.option(
    "--output", type=click.Path(path_type=Path, file_okay=False), default=Path("docs/images")
)
def main(output: Path) -> None:
    """Show the report of the sample evidence in several windows."""
    if reason := why_none():
        raise click.ClickException(reason)
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        reports = [Path(folder) / name for name in ("report.csv", "report.html")]
        scan(EVIDENCE, reports, "auto", "--explain", "fake", "--no-blur")
        for view in VIEWS:
            page = browser.new_page(
                viewport={"width": view.width, "height": view.height}, color_scheme=view.scheme
            )
            page.goto(reports[-1].as_uri())
            page.select_option("[name=folder]", "" if view.picture else "generated")
            if view.picture:
                page.locator("#cards .path", has_text=view.picture).click()
            else:
                page.locator(view.at).evaluate("it => it.scrollIntoView()")
            page.evaluate(
                "Promise.all([...document.images].filter((it) => it.src).map((it) => it.decode()))"
            )
            shot = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
            shot.quantize(COLOURS).save(output / f"{view.name}.png", optimize=True)
            click.echo(output / f"{view.name}.png")
            page.close()


if __name__ == "__main__":
    main()
