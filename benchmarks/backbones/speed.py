"""Latency and throughput of a backend, and the share of the machine's peak that it reaches."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from scanner.backends.backend import Backend
from trainer.backbones import Detector

PEAK_SIDE = {"cuda": 8192, "cpu": 1024}  # of the square matrices that measure the peak
PEAK_RUNS = 20
PEAK_DTYPES = {"cuda": torch.float16, "cpu": torch.float32}


@dataclass(frozen=True)
class Sample:
    """One measurement. latencies: seconds of batches one at a time. rate: images/s side by side."""

    latencies: tuple[float, ...]
    rate: float


def sample(backend: Backend, batch: int, shape: tuple[int, ...], seconds: float) -> Sample:
    """Batches of noise: one at a time, then as many at once as a scan has.

    Each of the two takes about `seconds`. shape: of what the model sees of one image.
    """
    views = np.random.default_rng(0).integers(0, 256, (batch, *shape), dtype=np.uint8)
    latencies: list[float] = []
    while sum(latencies) < seconds:
        started = time.perf_counter()
        backend.score(views)
        latencies.append(time.perf_counter() - started)
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
    return Sample(tuple(latencies), runs * batch / (time.perf_counter() - started))


def percentiles_ms(latencies: Sequence[float]) -> dict[str, float | None]:
    """Median, p95 and p99 in milliseconds; None where too few calls show a percentile."""
    return {
        f"p{percent}_ms": float(np.percentile(latencies, percent)) * 1e3
        if len(latencies) * (100 - percent) >= 100
        else None
        for percent in (50, 95, 99)
    }


def flops_per_image(detector: Detector, shape: tuple[int, ...]) -> int:
    """Floating-point operations of one forward pass, an addition and a product counted as two.

    shape: of what the detector sees of one image.
    """
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        detector(torch.zeros(1, *shape, dtype=torch.uint8, device=detector.pixel_mean.device))
    return int(counter.get_total_flops())


def peak_flops(device: str) -> float:
    """Operations a second of large matrix products in PEAK_DTYPES, on `cuda` or `cpu`."""
    side = PEAK_SIDE[device]
    matrix = torch.randn(side, side, device=device, dtype=PEAK_DTYPES[device])
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
