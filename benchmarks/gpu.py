"""How much of the GPU does inference use? Each backend against torch.compile, batch by batch.

    python -m benchmarks.gpu runs/resnet152 --model resnet152.onnx --model resnet152.fp16.onnx

Every path does the same job, from uint8 views in host memory to logits in host memory, through the
backend that a scan uses. A path that cannot run, or a batch too large for it, has its reason in the
results instead of figures. Without a GPU, a rehearsal of the same steps:

    python -m benchmarks.gpu runs/resnet18 --device cpu --batches 1,4 --seconds 1
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.machine import describe_machine, write_results
from scanner.backends import Backend, BackendError, open_backend
from scanner.model import DEFAULT_MODEL, ModelError, ModelFile, open_model
from trainer.backbones import Detector
from trainer.checkpoint import CheckpointError, load_checkpoint

BATCHES = "1,2,4,8,16,32,64,128,256,512"
PEAK_SIDE = {"cuda": 8192, "cpu": 1024}  # of the square matrices that measure the peak
PEAK_RUNS = 20
LATENCY_RUNS = 20
DTYPES = {"cuda": torch.float16, "cpu": torch.float32}


@dataclass(frozen=True)
class Measured:
    """Speed at one batch. latency_ms: median of single batches, one at a time."""

    batch: int
    images_per_second: float
    latency_ms: float
    share_of_peak: float


class Compiled:
    """The checkpoint under torch.compile: the yardstick. Fulfils `Backend`."""

    provider = "torch.compile"
    streams = 1

    def __init__(self, detector: Detector, device: str, batch_size: int) -> None:
        dtype = DTYPES[device]
        self.precision = str(dtype).removeprefix("torch.")
        self.batch_size = batch_size
        self._device = device
        # Resizing and normalisation stay float32, as in a float16 model file.
        network = detector.network.to(dtype).to(memory_format=torch.channels_last)
        detector.network = _Narrowed(network, dtype)
        self._score = torch.compile(detector.to(device))

    def score(self, views: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Raw logits of views, which cross the bus from pinned memory as uint8."""
        images = torch.from_numpy(views)
        if self._device == "cuda":
            images = images.pin_memory().to(self._device, non_blocking=True)
        with torch.inference_mode():
            logits: NDArray[np.float32] = self._score(images).float().cpu().numpy()
        return logits


class _Narrowed(torch.nn.Module):
    def __init__(self, network: torch.nn.Module, dtype: torch.dtype) -> None:
        super().__init__()
        self._network, self._dtype = network, dtype

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        narrow = pixels.to(self._dtype, memory_format=torch.channels_last)
        return torch.as_tensor(self._network(narrow))


def flops_per_image(detector: Detector, side: int) -> int:
    """Floating-point operations of one forward pass, an addition and a product counted as two."""
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        detector(torch.zeros(1, side, side, 3, dtype=torch.uint8))
    return int(counter.get_total_flops())


def peak_flops(device: str) -> float:
    """Operations a second of large matrix products in the yardstick's type: what can be had."""
    side = PEAK_SIDE[device]
    matrix = torch.randn(side, side, device=device, dtype=DTYPES[device])
    best = 0.0
    for _ in range(3):
        _wait(device)
        started = time.perf_counter()
        for _ in range(PEAK_RUNS):
            matrix @ matrix
        _wait(device)
        best = max(best, PEAK_RUNS * 2 * side**3 / (time.perf_counter() - started))
    return best


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def measure(backend: Backend, side: int, seconds: float, flops: int, peak: float) -> Measured:
    """Speed of a backend at its batch, as many batches in flight as it takes at once."""
    batch = backend.batch_size
    views = np.random.default_rng(0).integers(0, 256, (batch, side, side, 3), dtype=np.uint8)
    backend.score(views)  # compiles, chooses kernels, takes memory
    backend.score(views)
    latencies = []
    for _ in range(LATENCY_RUNS):
        started = time.perf_counter()
        backend.score(views)
        latencies.append(time.perf_counter() - started)
        if sum(latencies) > seconds:
            break
    until = time.perf_counter() + seconds

    def stream(_: int) -> int:
        runs = 0
        while time.perf_counter() < until or not runs:
            backend.score(views)
            runs += 1
        return runs

    started = time.perf_counter()
    with ThreadPoolExecutor(backend.streams) as threads:
        runs = sum(threads.map(stream, range(backend.streams)))
    rate = runs * batch / (time.perf_counter() - started)
    return Measured(batch, rate, statistics.median(latencies) * 1e3, rate * flops / peak)


def measure_path(
    name: str,
    open_at: Callable[[int], Backend],
    batches: list[int],
    score: Callable[[Backend], Measured],
) -> list[dict[str, object]]:
    """One row a batch, with figures or with the reason why there are none."""
    rows: list[dict[str, object]] = []
    for batch in batches:
        row: dict[str, object] = {"path": name, "batch": batch}
        try:
            backend = open_at(batch)
            row |= {"provider": backend.provider, "precision": backend.precision}
            row |= asdict(score(backend))
            del backend  # its memory belongs to the next
            click.echo(
                f"{name:40} batch {row['batch']:4} {row['images_per_second']:10,.1f} images/s "
                f"{row['latency_ms']:9.2f} ms {row['share_of_peak']:7.1%} of peak"
            )
        except (BackendError, torch.OutOfMemoryError) as error:
            row["not_measured"] = str(error).splitlines()[0]
            click.echo(f"{name:40} batch {batch:4} not measured: {row['not_measured']}")
        rows.append(row)
    return rows


def _opener(model: ModelFile, place: str) -> Callable[[int], Backend]:
    return lambda batch: open_backend(model, place, batch_size=batch)


@click.command(context_settings={"show_default": True})
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--model",
    "models",
    multiple=True,
    default=[DEFAULT_MODEL],
    help="Exports of RUN, bundled or files; may be repeated.",
)
@click.option("--device", type=click.Choice(["cuda", "cpu"]), default="cuda")
@click.option("--batches", default=BATCHES, help="Batches to measure, with commas.")
@click.option("--seconds", type=float, default=3.0, help="Of timed runs, a batch.")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default=Path("results/gpu.json"),
    help="Where the figures go.",
)
def main(
    run: Path, models: tuple[str, ...], device: str, batches: str, seconds: float, output: Path
) -> None:
    """Measure ONNX Runtime, TensorRT and torch.compile on the model of RUN."""
    if device == "cuda" and not torch.cuda.is_available():
        raise click.ClickException("PyTorch finds no GPU here; rehearse with --device cpu.")
    try:
        sizes = [int(size) for size in batches.split(",")]
        checkpoint = load_checkpoint(run)
        files = [open_model(name) for name in models]
    except ValueError as error:
        raise click.ClickException(f"--batches {batches}: {error}.") from error
    except (CheckpointError, ModelError) as error:
        raise click.ClickException(str(error)) from error
    side = checkpoint.preprocessing.size
    flops, peak = flops_per_image(checkpoint.detector(), side), peak_flops(device)
    click.echo(f"{flops / 1e9:.2f} GFLOP an image, measured peak {peak / 1e12:,.2f} TFLOP/s")

    def score(backend: Backend) -> Measured:
        return measure(backend, side, seconds, flops, peak)

    places = ("cuda", "tensorrt") if device == "cuda" else ("cpu",)
    paths = {
        f"{model.path.name} on {place}": _opener(model, place)
        for model in files
        for place in places
    }
    compiled = checkpoint.detector()
    yardstick: list[Compiled] = []

    def open_compiled(batch: int) -> Backend:
        if not yardstick:
            yardstick.append(Compiled(compiled, device, batch))
        yardstick[0].batch_size = batch
        return yardstick[0]

    paths["torch.compile"] = open_compiled
    rows: list[dict[str, object]] = []
    for name, open_at in paths.items():
        rows += measure_path(name, open_at, sizes, score)
        write_results(  # after each path: what was measured outlives a cut
            output,
            {
                "device": torch.cuda.get_device_name() if device == "cuda" else "CPU rehearsal",
                "backbone": checkpoint.backbone,
                "image_size": checkpoint.image_size,
                "gflop_per_image": flops / 1e9,
                "measured_peak_tflops": peak / 1e12,
                "peak_is_of": f"{PEAK_SIDE[device]} squared {DTYPES[device]} matrix products",
                "rows": rows,
                "machine": asdict(describe_machine()),
            },
        )


if __name__ == "__main__":
    main()
