"""Has a scan lost speed, against its own ceiling and against a PyTorch DataLoader loop?

    python -m benchmarks.guard
    python -m benchmarks.guard --write

Two ratios, of made-up photographs of a megapixel: unlike files a second they can be compared
between machines of a kind. A scan, its ceiling and the loop are measured in turns, and of each the
best round counts, which others on the machine disturbed least. Where a ratio has fallen below the
stored one there is a warning. The exit code is always 0: speed alone fails no build.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

import click

from benchmarks.shared.results import FOLDER, Row, write_part

NAME = "guard"
FILES, SAMPLE, ROUNDS = 24, 8, 3
ALLOWED = 0.1  # of the stored figure; less is noise
RATIOS = {"of_ceiling": "scan : its ceiling", "of_loop": "scan : PyTorch DataLoader"}


@click.command(context_settings={"show_default": True})
@click.option("--write", is_flag=True, help="Store what is measured, in place of comparing it.")
@click.option(
    "--output", type=click.Path(path_type=Path), default=FOLDER, help="Folder of the results."
)
def main(write: bool, output: Path) -> None:
    """Measure two ratios of a scan's speed and compare them with the stored ones."""
    try:
        rows = measure()
    except Exception as error:  # whatever is missing here, it is no fault of the build
        click.echo(f"the speed was not measured: {error or type(error).__name__}")
        return
    found = ratios(rows)
    if write:
        lines = [{"": what, "speed": f"{found[name]:.2f}"} for name, what in RATIOS.items()]
        facts = {"command": f"python -m benchmarks.{NAME} --write", "files": FILES, **found}
        write_part(output, NAME, facts, rows, lines)
        return
    stored = output / f"{NAME}.json"
    if not stored.is_file():
        click.echo(f"there are no figures to compare with in {stored}; --write stores some")
        return
    click.echo(verdict(found, json.loads(stored.read_text())))


def ratios(rows: Sequence[Row]) -> dict[str, float]:
    """Those of RATIOS by name, of the best that each of their parts did in any of the rounds."""
    best = {name: max(row[name] for row in rows) for name in ("rate", "ceiling")}
    least = {name: min(row[name] for row in rows) for name in ("scan_seconds", "loop_seconds")}
    return {
        "of_ceiling": best["rate"] / best["ceiling"],
        "of_loop": least["loop_seconds"] / least["scan_seconds"],
    }


def verdict(found: dict[str, float], stored: dict[str, float]) -> str:
    """A sentence on the ratios that fell, or that none did. Both hold those of RATIOS by name."""
    told = {name: f"{RATIOS[name]} is {found[name]:.2f}, was {stored[name]:.2f}" for name in RATIOS}
    fallen = [name for name in RATIOS if found[name] < (1 - ALLOWED) * stored[name]]
    if fallen:
        return f"WARNING: scans have become slower: {'; '.join(told[name] for name in fallen)}"
    return f"scans are as fast as they were: {'; '.join(told.values())}"


def measure() -> list[Row]:
    """What each round measured: whole runs in seconds, the scan without its start in files/s.

    Raises ImgscanError, and ImportError for what is not installed.
    """
    from benchmarks.peers.contenders import DATALOADER, Contender, contenders
    from benchmarks.shared.kinds import MEGAPIXEL, PHOTOGRAPHS
    from benchmarks.shared.pictures import first, lay_out, photographs
    from benchmarks.shared.process import START_FILES, ScanFailed, scan_beside_start
    from benchmarks.stages.costs import lowest_ceiling, stage_costs
    from scanner.scan import Request
    from scanner.scan.scorers import open_scorers

    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        evidence = lay_out(photographs(*PHOTOGRAPHS[MEGAPIXEL], FILES), place / "whole")
        few = lay_out(first(evidence, START_FILES), place / "few")
        loop = contenders(MEGAPIXEL, place, "")[DATALOADER]
        if not isinstance(loop, Contender):
            raise ScanFailed(loop)
        scorers = open_scorers(Request(paths=(place,)), click.echo)
        for number in range(1, ROUNDS + 1):
            looped = loop.run(evidence.folder, place / "loop.csv")
            if looped.returncode:
                raise ScanFailed(f"the DataLoader loop failed: {looped.error.strip()[-200:]}")
            scanned = scan_beside_start(evidence.folder, few.folder, FILES)
            costs, _ = stage_costs(evidence, scorers, SAMPLE)
            row = {
                "round": number,
                "scan_seconds": scanned.ran.seconds,
                "loop_seconds": looped.seconds,
                "rate": scanned.rate,
                "ceiling": lowest_ceiling(costs["folder"]),
            }
            click.echo(", ".join(f"{name} {value:.3g}" for name, value in row.items()))
            rows.append(row)
    return rows


if __name__ == "__main__":
    main()
