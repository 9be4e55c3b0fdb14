"""What does a report with pictures cost a scan?

    python -m benchmarks.html.cost

The same files are scanned to CSV alone and to CSV and HTML, in turns; start and reports included.
So is what it takes besides to show where the evidence lies.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import click

from benchmarks.shared.cifake import thumbnails
from benchmarks.shared.options import shared_option
from benchmarks.shared.pictures import lay_out, photographs
from benchmarks.shared.process import scan
from benchmarks.shared.results import Row, write_part
from benchmarks.shared.rounds import Spread, alternate, ratios, spread
from scanner.record import Verdict
from trainer.command import Command

NAME = "html-cost"
CSV, HTML, EXPLAINED = "CSV", "CSV and HTML", "CSV and HTML, explained"
ALL = [word for verdict in Verdict for word in ("--explain", verdict)]
FEW = 8  # pictures that are explained
MODEL = "auto"
MEGAPIXEL = (1152, 864)


def materials(data: Path, share: float) -> Iterator[tuple[str, list[bytes]]]:
    """Name and files of each; photographs are the slower the larger they are. Raises DataError."""
    yield "CIFAKE's, 32×32 pixels", thumbnails(data, round(4_000 * share))
    yield "photographs of 1 megapixel", list(photographs(*MEGAPIXEL, round(120 * share)))
    yield "photographs of 12 megapixels", list(photographs(4000, 3000, round(40 * share)))


@click.command(cls=Command, context_settings={"show_default": True})
@shared_option("--data")
@click.option("--rounds", type=click.IntRange(min=1), default=3)
@shared_option("--quick", help="A tenth of the files.")
@shared_option("--output")
def main(data: Path, rounds: int, quick: bool, output: Path) -> None:
    """Measure scans with and without an HTML report."""
    rows: list[Row] = []
    table: list[dict[str, str]] = []
    for name, contents in materials(data, 0.1 if quick else 1.0):
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder)
            evidence = lay_out(contents, place / "evidence")
            found = list(alternate(_candidates(evidence.folder, evidence.files, place), rounds))
            size = (place / "report.html").stat().st_size
        rows += [
            {"pictures": name, "files": evidence.files, "round": number, "report": report}
            | {"files_per_second": speed, "html_bytes": size}
            for number, speeds in enumerate(found, 1)
            for report, speed in speeds.items()
        ]
        table.append(_line(name, evidence.files, found, size))
    found = explained(rounds)
    rows += [{"round": number} | seconds for number, seconds in enumerate(found, 1)]
    more = spread([(it[EXPLAINED] - it[HTML]) / FEW for it in found])
    note = f"`--explain` takes {more} s for each picture of a megapixel that it explains."
    command = f"python -m benchmarks.html.cost --rounds {rounds}{' --quick' * quick}"
    write_part(output, NAME, {"command": command}, rows, table, [note])
    for line in (*(" ".join(it.values()) for it in table), note):
        click.echo(line)


def explained(rounds: int) -> list[dict[str, float]]:
    """Seconds, a round, of scans of FEW pictures that show where the evidence lies, or do not."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        evidence = lay_out(photographs(*MEGAPIXEL, FEW), place / "evidence").folder
        reports = [place / "report.csv", place / "report.html"]

        def seconds(*options: str) -> float:
            return scan(evidence, reports, MODEL, "--device", "cpu", *options, files=FEW).seconds

        return list(alternate({HTML: seconds, EXPLAINED: lambda: seconds(*ALL)}, rounds))


def _candidates(evidence: Path, files: int, place: Path) -> dict[str, Callable[[], float]]:
    def speed(*names: str) -> float:
        reports = [place / name for name in names]
        return files / scan(evidence, reports, MODEL, "--device", "cpu", files=files).seconds

    return {CSV: lambda: speed("report.csv"), HTML: lambda: speed("report.csv", "report.html")}


def _line(name: str, files: int, found: list[dict[str, float]], size: int) -> dict[str, str]:
    share: Spread = ratios(found, HTML, CSV)
    return {
        "pictures": f"{files:,} {name}",
        "files/s, CSV alone": f"{spread([it[CSV] for it in found]).median:.1f}",
        "with HTML": f"{spread([it[HTML] for it in found]).median:.1f}",
        "with HTML, of CSV alone": str(share),
        "HTML a picture": f"{size / files / 1000:.1f} kB",
    }


if __name__ == "__main__":
    main()
