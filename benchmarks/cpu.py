"""Is a scan on a CPU faster than the loop everybody writes? imgscan against a PyTorch DataLoader.

    python -m benchmarks.cpu runs/resnet18 --data data/cifake

Both score the same files with the same weights; rounds alternate between them, so that a drifting
machine is fair to both, and each ratio is of two neighbours. The loop is timed without its imports,
imgscan with its start, its journal and its report.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

import click
import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from benchmarks.machine import describe_machine, write_results
from scanner.model import DEFAULT_MODEL
from trainer.checkpoint import Checkpoint, CheckpointError, load_checkpoint
from trainer.data import DataError, read_examples, split_examples

LOADER_WORKERS = 2
LOADER_BATCH = 32


class Files(Dataset[Tensor]):
    """Image files as uint8 views, decoded by Pillow when asked for."""

    def __init__(self, files: list[Path]) -> None:
        self._files = files

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, index: int) -> Tensor:
        with Image.open(self._files[index]) as image:
            return torch.from_numpy(np.array(image.convert("RGB")))


def plain_loop(files: list[Path], checkpoint: Checkpoint) -> float:
    """Images a second of a DataLoader and a model in evaluation mode, as PyTorch sets them up."""
    detector = checkpoint.detector()
    loader = DataLoader(Files(files), batch_size=LOADER_BATCH, num_workers=LOADER_WORKERS)
    started = time.perf_counter()
    with torch.inference_mode():
        done = sum(len(detector(views)) for views in loader)
    return done / (time.perf_counter() - started)


def scan(folder: Path, report: Path, model: str) -> float:
    """Files a second of the whole command, its start and its report included."""
    command = [sys.executable, "-m", "scanner", str(folder), "--report", str(report)]
    started = time.perf_counter()
    subprocess.run(
        [*command, "--model", model, "--device", "cpu", "--fresh", "--quiet"], check=True
    )
    seconds = time.perf_counter() - started
    rows = sum(1 for _ in report.open()) - 1
    return rows / seconds


def lay_out(data: Path, count: int, folder: Path) -> list[Path]:
    """Write `count` test images, half of each class, to `folder`. Raises trainer.data.DataError."""
    test = split_examples(read_examples(data)).test
    files = []
    for label in (0, 1):
        for example in [example for example in test if example.label == label][: count // 2]:
            path = folder / example.name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(example.read())
            files.append(path)
    return files


def spread(values: list[float]) -> dict[str, float]:
    return {"median": statistics.median(values), "lowest": min(values), "highest": max(values)}


@click.command(context_settings={"show_default": True})
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    default=Path("data/cifake"),
    help="CIFAKE, as for the trainer; images of its test split are scored.",
)
@click.option(
    "--model",
    "models",
    multiple=True,
    default=[DEFAULT_MODEL],
    help="What imgscan scores with: the export of RUN, bundled or a file; may be repeated.",
)
@click.option("--images", type=click.IntRange(2), default=4000, help="Files to score.")
@click.option("--rounds", type=click.IntRange(1), default=5, help="Each measures all.")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default=Path("results/cpu.json"),
    help="Where the figures go.",
)
def main(
    run: Path, data: Path, models: tuple[str, ...], images: int, rounds: int, output: Path
) -> None:
    """Measure imgscan on the CPU against a plain PyTorch loop with the checkpoint of RUN."""
    measured: dict[str, list[float]] = {name: [] for name in ("plain_loop", *models)}
    with tempfile.TemporaryDirectory() as place:
        try:
            checkpoint = load_checkpoint(run)
            files = lay_out(data, images, Path(place) / "images")
        except (CheckpointError, DataError) as error:
            raise click.ClickException(str(error)) from error
        for number in range(rounds):
            measured["plain_loop"].append(plain_loop(files, checkpoint))
            for model in models:
                report = Path(place) / "report.csv"
                measured[model].append(scan(Path(place) / "images", report, model))
            figures = ", ".join(f"{name} {rates[-1]:,.0f}" for name, rates in measured.items())
            click.echo(f"round {number + 1}: {figures} images/s")
    ratios = {
        Path(model).name: spread(
            [
                ours / theirs
                for ours, theirs in zip(measured[model], measured["plain_loop"], strict=True)
            ]
        )
        for model in models
    }
    for model, ratio in ratios.items():
        click.echo(
            f"imgscan with {model}: {ratio['median']:.2f} times the plain loop "
            f"({ratio['lowest']:.2f} to {ratio['highest']:.2f})"
        )
    write_results(
        output,
        {
            "unit": "images/s",
            "files": len(files),
            "plain_loop": f"DataLoader, {LOADER_WORKERS} workers, batch {LOADER_BATCH}, float32, "
            f"{torch.get_num_threads()} threads",
            "ratio_to_plain_loop": ratios,
            "rounds": {Path(name).name: rates for name, rates in measured.items()},
            "load_average_at_the_end": os.getloadavg()[0],
            "machine": asdict(describe_machine()),
        },
    )


if __name__ == "__main__":
    main()
