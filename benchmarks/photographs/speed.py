"""How fast are photographs scanned, against what the cores allow and what people write themselves?

    python -m benchmarks.photographs.speed

The whole command, start and report included, takes turns with a DataLoader loop over the same
files with the same model, and with the work that no scan can do without: decoding, scaling and the
network, each alone. On a CPU these share the cores, so their times add up to a ceiling.
"""

from __future__ import annotations

import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click
import numpy as np

from benchmarks.shared.options import shared_option
from benchmarks.shared.pictures import Evidence, first, lay_out, photographs
from benchmarks.shared.process import ScanFailed, run_measured, scan
from benchmarks.shared.results import Row, command_line, write_part
from benchmarks.shared.rounds import alternate, ratios, spread
from scanner.backends.backend import usable_cores
from scanner.backends.choose import open_backend
from scanner.images.decode import decode
from scanner.model import ModelFile, open_model
from scanner.preprocess import view
from trainer.command import Command

NAME = "photographs-speed"
MODEL = "clip-vit-b16"
SIZE = (1152, 864)  # a megapixel
LOOP = Path(__file__).parent / "dataloader.py"
SCAN, ZIP, OTHER, CEILING = "scan of a folder", "scan of a zip", "DataLoader loop", "ceiling"


def ceiling(evidence: Evidence, model: ModelFile, sample: int) -> Row:
    """Files a second if decoding, scaling and scoring kept every core busy, and what they cost."""
    contents = list(first(evidence, sample))
    backend = open_backend(model, "cpu")
    started = time.process_time()
    views = np.stack([view(decode(it).rgb, model.card.preprocessing) for it in contents])
    decoding = (time.process_time() - started) / len(contents)
    size = backend.batch_size
    batches = [views[start : start + size] for start in range(0, len(views), size)]
    backend.score(batches[0])  # which opens the network
    started = time.process_time()
    with ThreadPoolExecutor(backend.streams) as threads:
        list(threads.map(backend.score, batches))
    scoring = (time.process_time() - started) / len(contents)
    return {
        "files_per_second": usable_cores() / (decoding + scoring),
        "decoding_cpu_ms": decoding * 1000,
        "network_cpu_ms": scoring * 1000,
    }


def _scan(evidence: Path, files: int, model: ModelFile, place: Path) -> Row:
    ran = scan(evidence, [place / "report.csv"], model.path, "--device", "cpu", files=files)
    return {"files_per_second": files / ran.seconds}


def _loop(evidence: Evidence, model: ModelFile, place: Path) -> Row:
    words = [LOOP, evidence.folder, place / "loop.csv", model.path, model.card.preprocessing.size]
    ran = run_measured([sys.executable, *map(str, words)])
    if ran.returncode:
        raise ScanFailed(f"the DataLoader loop failed: {ran.error.strip()[-200:]}")
    return {"files_per_second": evidence.files / ran.seconds}


@click.command(cls=Command, context_settings={"show_default": True})
@shared_option("--model", default=MODEL)
@click.option("--files", type=click.IntRange(min=4), default=240, help="Photographs to scan.")
@click.option("--rounds", type=click.IntRange(min=1), default=3)
@shared_option("--output")
def main(model: str, files: int, rounds: int, output: Path) -> None:
    """Measure the scan of photographs of a megapixel, on a CPU."""
    opened = open_model(model)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        evidence = lay_out(photographs(*SIZE, files), place / "evidence")
        candidates = {
            SCAN: lambda: _scan(evidence.folder, files, opened, place),
            ZIP: lambda: _scan(evidence.archive, files, opened, place),
            OTHER: lambda: _loop(evidence, opened, place),
            CEILING: lambda: ceiling(evidence, opened, files // 4),
        }
        found = list(alternate(candidates, rounds))
    for number, measured in enumerate(found, 1):
        rows += [{"round": number, "what": what} | row for what, row in measured.items()]
    speeds = [{what: row["files_per_second"] for what, row in each.items()} for each in found]
    facts = {
        "command": command_line(
            "photographs.speed", False, [model], f"--files {files} --rounds {rounds}"
        ),
        "files": files,
    }
    write_part(output, NAME, facts, rows, [_line(what, speeds) for what in candidates])


def _line(what: str, speeds: list[dict[str, float]]) -> dict[str, str]:
    return {
        "1-megapixel JPEGs": what,
        "files/s": f"{spread([measured[what] for measured in speeds]).median:.1f}",
        "times the DataLoader loop": str(ratios(speeds, what, OTHER)),
        "share of the ceiling": str(ratios(speeds, what, CEILING)),
    }


if __name__ == "__main__":
    main()
