"""Has a scan lost speed, against its own ceiling and against a PyTorch DataLoader loop?

    python -m benchmarks.guard
    python -m benchmarks.guard --write

Two ratios, of made-up photographs of a megapixel, each of neighbours in one round: unlike files a
second they can be compared between machines of a kind and on noisy ones. Where one has fallen below
the stored figure there is a warning. The exit code is always 0: speed alone fails no build.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import click

from benchmarks.shared.results import FOLDER, Row, write_part
from benchmarks.shared.rounds import spread

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
    medians = {name: spread([row[name] for row in rows]).median for name in RATIOS}
    if write:
        lines = [
            {"": what, "speed": str(spread([row[name] for row in rows]))}
            for name, what in RATIOS.items()
        ]
        facts = {"command": f"python -m benchmarks.{NAME} --write", "files": FILES, **medians}
        write_part(output, NAME, facts, rows, lines)
        return
    stored = output / f"{NAME}.json"
    if not stored.is_file():
        click.echo(f"there are no figures to compare with in {stored}; --write stores some")
        return
    click.echo(verdict(medians, json.loads(stored.read_text())))


def verdict(found: dict[str, float], stored: dict[str, float]) -> str:
    """A sentence on the ratios that fell, or that none did. Both hold those of RATIOS by name."""
    told = {name: f"{RATIOS[name]} is {found[name]:.2f}, was {stored[name]:.2f}" for name in RATIOS}
    fallen = [name for name in RATIOS if found[name] < (1 - ALLOWED) * stored[name]]
    if fallen:
        return f"WARNING: scans have become slower: {'; '.join(told[name] for name in fallen)}"
    return f"scans are as fast as they were: {'; '.join(told.values())}"


def measure() -> list[Row]:
    """Both ratios of each round. Raises ImgscanError, and ImportError for what is not installed."""
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
                "of_ceiling": scanned.rate / lowest_ceiling(costs["folder"]),
                "of_loop": looped.seconds / scanned.ran.seconds,
            }
            click.echo(", ".join(f"{name} {value:.3g}" for name, value in row.items()))
            rows.append(row)
    return rows


if __name__ == "__main__":
    main()
