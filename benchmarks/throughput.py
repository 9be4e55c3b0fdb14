"""How close does a scan come to its ceilings? Decoding alone, scoring alone, and the whole scan.

    python -m benchmarks.throughput --data data/cifake

The three are interleaved over several rounds, so that a drifting machine is fair to all, and the
share is a ratio within one run.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

import click
import numpy as np

from benchmarks.evidence import lay_out
from benchmarks.machine import describe_machine, write_results
from scanner.backends import open_backend, usable_cores
from scanner.limits import Limits
from scanner.model import DEFAULT_MODEL, ModelFile, open_model
from scanner.preprocess import decode, view
from scanner.sources import walk
from scanner.sources.container import Found
from scanner.workers import Workers
from trainer.data import DataError


def decode_alone(folder: Path, model: ModelFile) -> float:
    """Files a second that all workers read, hash, decode and send back, with no scoring."""
    done = 0
    with Workers(usable_cores(), model.card.preprocessing, Limits()) as workers:
        entries = iter(walk([folder], Limits()))
        started = time.perf_counter()
        more = True
        while more or workers.busy():
            while more and workers.room():
                entry = next(entries, None)
                more = entry is not None
                if isinstance(entry, Found):
                    workers.submit(entry)
            done += sum(1 for _ in workers.results(1.0))
    return done / (time.perf_counter() - started)


def score_alone(folder: Path, model: ModelFile) -> float:
    """Images a second that the backend scores in ready batches of its own size."""
    backend = open_backend(model, "auto")
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    preprocessing = model.card.preprocessing
    views = np.stack([view(decode(path.read_bytes()).rgb, preprocessing) for path in files])
    size = backend.batch_size
    backend.score(views[:size])
    started = time.perf_counter()
    for start in range(0, len(views), size):
        backend.score(views[start : start + size])
    return len(views) / (time.perf_counter() - started)


def scan_whole(folder: Path, report: Path, model: str) -> float:
    """Files a second of the whole command, its start and its report included."""
    command = [sys.executable, "-m", "scanner", str(folder), "--report", str(report)]
    started = time.perf_counter()
    subprocess.run([*command, "--model", model, "--fresh", "--quiet"], check=True)
    rows = sum(1 for _ in report.open()) - 1
    return rows / (time.perf_counter() - started)


@click.command(context_settings={"show_default": True})
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    default=Path("data/cifake"),
    help="CIFAKE, as for the trainer; its test split is scanned.",
)
@click.option("--model", "name", default=DEFAULT_MODEL, help="A bundled model or an .onnx file.")
@click.option("--rounds", type=click.IntRange(1), default=3, help="Each round measures all three.")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default=Path("results/throughput.json"),
    help="Where the figures go.",
)
def main(data: Path, name: str, rounds: int, output: Path) -> None:
    """Measure a scan of CIFAKE's test split against its two ceilings."""
    model = open_model(name)
    measured: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory() as place:
        try:
            folder, _, examples = lay_out(data, Path(place))
        except DataError as error:
            raise click.ClickException(str(error)) from error
        for number in range(rounds):
            figures = {
                "decode_alone": decode_alone(folder, model),
                "score_alone": score_alone(folder, model),
                "scan": scan_whole(folder, Path(place) / "scan.csv", name),
            }
            ceiling = min(figures["decode_alone"], figures["score_alone"])
            figures["share_of_slower_ceiling"] = figures["scan"] / ceiling
            measured.append(figures)
            text = ", ".join(f"{key} {value:,.2f}" for key, value in figures.items())
            click.echo(f"round {number + 1}: {text}")
    medians = {key: statistics.median(round_[key] for round_ in measured) for key in measured[0]}
    click.echo("median:  " + ", ".join(f"{key} {value:,.2f}" for key, value in medians.items()))
    write_results(
        output,
        {
            "unit": "images/s",
            "files": len(examples),
            "model": name,
            "median": medians,
            "rounds": measured,
            "machine": asdict(describe_machine()),
        },
    )


if __name__ == "__main__":
    main()
