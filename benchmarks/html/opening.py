"""How long does a browser take to open a report of ten thousand pictures, and to filter it?

    python -m benchmarks.html.opening data/repositories

The pictures of a folder are scanned to one HTML page, which a headless Chromium opens several
times. What is timed is told by the browser's own clock, from the start of the navigation.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import suppress
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from benchmarks.shared.browser import chromium, why_none
from benchmarks.shared.options import shared_option
from benchmarks.shared.process import scan
from benchmarks.shared.results import Row, command_line, write_part
from benchmarks.shared.rounds import spread
from trainer.command import Command

if TYPE_CHECKING:
    from playwright.sync_api import Page

NAME = "html-opening"
WINDOW = {"width": 1280, "height": 900}
MEGABYTE = 10**6
# The first picture counts once it is decoded, not when its element exists.
FIRST = """async () => {
    while (!document.querySelector("#cards img")) await new Promise(requestAnimationFrame);
    await document.querySelector("#cards img").decode();
    return performance.now();
}"""
# Until the browser has drawn what a change made of the page.
CHANGED = """async ([name, value]) => {
    const control = document.querySelector(`#controls [name=${name}]`);
    const started = performance.now();
    control.value = value;
    control.dispatchEvent(new Event("input", { bubbles: true }));
    await new Promise(requestAnimationFrame);
    await new Promise((done) => setTimeout(done));
    return performance.now() - started;
}"""
WHOLE = "performance.getEntriesByType('navigation')[0].loadEventEnd"
LABELS = {
    "first_picture": "first picture seen",
    "whole": "all of it there, filters ready",
    "filter": "filtered by path",
    "sort": "sorted by probability",
    "picture": "page of a picture opened",
}


def lay_out(source: Path, place: Path, count: int) -> int:
    """Put the first `count` files of a folder, in the order of their paths, into `place`."""
    found = (path for path in sorted(source.rglob("*")) if path.is_file())
    laid = list(islice(found, count))
    for path in laid:
        goal = place / path.relative_to(source)
        goal.parent.mkdir(parents=True, exist_ok=True)
        with suppress(OSError):  # another file system
            os.link(path.resolve(), goal)
            continue
        shutil.copyfile(path, goal)
    return len(laid)


def opened(page: Page, report: Path) -> Row:
    """Seconds until a report is there, and for what is done with it."""
    page.goto(report.as_uri(), wait_until="commit")
    found: dict[str, Any] = {"first_picture": page.evaluate(FIRST)}
    page.wait_for_load_state("load", timeout=0)
    found["whole"] = page.evaluate(WHOLE)
    found["filter"] = page.evaluate(CHANGED, ["text", "a"])
    found["sort"] = page.evaluate(CHANGED, ["order", "highest"])
    page.locator("#controls .clear").click()
    found["picture"] = page.evaluate(
        "performance.mark('go'), location.hash = '#c1', new Promise((done) => addEventListener("
        "'hashchange', () => requestAnimationFrame(() => setTimeout(() => done("
        "performance.now() - performance.getEntriesByName('go')[0].startTime)))))"
    )
    return {name: milliseconds / 1000 for name, milliseconds in found.items()}


@click.command(cls=Command, context_settings={"show_default": True})
@click.argument("source", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--files", type=click.IntRange(min=1, max=10_000), default=10_000)
@click.option("--rounds", type=click.IntRange(min=1), default=5)
@shared_option("--model")
@shared_option("--output")
def main(source: Path, files: int, rounds: int, model: str, output: Path) -> None:
    """Measure how fast the report of the pictures in SOURCE opens."""
    if reason := why_none():
        raise click.ClickException(reason)
    with tempfile.TemporaryDirectory(dir=source.resolve().parent) as folder:
        place = Path(folder)
        files = lay_out(source, place / "evidence", files)
        report = place / "report.html"
        ran = scan(place / "evidence", [place / "report.csv", report], model)
        size = report.stat().st_size
        rows: list[Row] = []
        with chromium() as browser:
            for number in range(1, rounds + 1):
                page = browser.new_page(viewport=WINDOW)  # type: ignore[arg-type]
                rows.append({"round": number} | opened(page, report))
                page.close()
    spreads = {name: spread([row[name] for row in rows]) for name in LABELS}
    facts = {
        "command": command_line("html.opening", False, [model], f"{source} --files {files}"),
        "files": files,
        "bytes": size,
        "scan_seconds": ran.seconds,
        "seconds": {name: asdict(each) for name, each in spreads.items()},
    }
    table = [{"": "size", f"a page of {files:,} pictures": f"{size / MEGABYTE:.0f} MB"}]
    table += [
        {"": label, f"a page of {files:,} pictures": f"{spreads[name]} s"}
        for name, label in LABELS.items()
    ]
    write_part(output, NAME, facts, rows, table)
    for line in table:
        click.echo("  ".join(line.values()))


if __name__ == "__main__":
    main()
