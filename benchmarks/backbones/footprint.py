"""What it takes to have a model ready: load time and memory, in a process that does nothing else.

python -m benchmarks.backbones.footprint resnet18 --device cpu --batch 32
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path

import click
import psutil

from benchmarks.backbones.candidates import TORCH_DEVICES, Candidate
from benchmarks.backbones.plan import Refused
from trainer.command import Command


@dataclass(frozen=True)
class Footprint:
    """load_seconds: from the file to a backend, its libraries being imported already.

    peak_bytes: resident memory, libraries and one batch included.
    """

    load_seconds: float
    peak_bytes: int


def footprint(candidate: Candidate, batch: int) -> Footprint:
    """Measured in a new process. Raises Refused with that one's last words."""
    command = [sys.executable, "-m", "benchmarks.backbones.footprint", str(candidate.path)]
    options = ["--device", candidate.device, "--batch", str(batch)]
    done = subprocess.run([*command, *options], capture_output=True, text=True)
    if done.returncode:
        last = (done.stderr.strip() or f"exit code {done.returncode}").splitlines()[-1]
        raise Refused(f"loading it alone failed: {last.removeprefix('Error: ')}")
    return Footprint(**json.loads(done.stdout))


def peak_bytes() -> int:
    """Most resident memory of this process so far; where the system does not keep it, now."""
    status = Path("/proc/self/status")
    if status.is_file():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    return int(psutil.Process().memory_info().rss)


@click.command(cls=Command)
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--device", required=True)
@click.option("--batch", type=int, required=True)
def main(model: Path, device: str, batch: int) -> None:
    """Load MODEL, score one batch and print the footprint as JSON."""
    import numpy as np

    import_module("benchmarks.shared.pytorch" if device in TORCH_DEVICES else "onnxruntime")
    started = time.perf_counter()
    candidate = Candidate(model, device)
    backend = candidate.open(batch)
    shape = candidate.file.card.preprocessing.shape
    backend.score(np.zeros((1, *shape), np.uint8))  # some open the network only now
    load_seconds = time.perf_counter() - started
    backend.score(np.zeros((batch, *shape), np.uint8))
    click.echo(json.dumps(asdict(Footprint(load_seconds, peak_bytes()))))


if __name__ == "__main__":
    main()
