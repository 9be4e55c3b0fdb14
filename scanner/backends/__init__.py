"""What scores batches of views. `open_backend` picks one and never falls back in silence."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from scanner.engine import SUFFIX
from scanner.model import ModelFile

DEVICES = ("auto", "cpu", "cuda", "tensorrt")

Tell = Callable[[str], None]  # takes a sentence for the person who waits


class BackendError(Exception):
    """The device cannot be used; the sentence says why."""


class Backend(Protocol):
    """`provider` and `precision` are what really runs.

    batch_size: views to hand over at once; it shrinks where a GPU's memory runs out.
    streams: how many calls of `score`, each from a thread of its own, run side by side.
    """

    provider: str
    precision: str
    batch_size: int
    streams: int

    def score(self, views: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Raw logits, float32 N, of uint8 views N×V×V×3, for any N from 1. Thread-safe."""
        ...


def _silent(_: str) -> None:
    pass


def open_backend(
    model: ModelFile,
    device: str,
    threads: int | None = None,
    batch_size: int | None = None,
    tell: Tell = _silent,
) -> Backend:
    """A backend for `device`; `auto` is the fastest that works here. Raises BackendError.

    threads: CPU cores for inference on a CPU; None for all that this process may use.
    batch_size: None for the CPU's own, and on a GPU for what a short probe finds fastest.
    """
    if model.path.suffix == SUFFIX:
        if device not in ("auto", "tensorrt"):
            raise BackendError(
                f"{model.path.name} is a TensorRT engine, which does not run with --device "
                f"{device}; use --device tensorrt, or the .onnx file it was built from."
            )
        device = "tensorrt"
    if device == "auto":
        from scanner.backends.gpu import cuda_driver_present

        if not cuda_driver_present():
            device = "cpu"
        else:
            try:
                return _open_cuda(model, batch_size, tell)
            except BackendError as error:
                tell(f"the GPU is not used: {error}")
                device = "cpu"
    if device == "cuda":
        return _open_cuda(model, batch_size, tell)
    if device == "tensorrt":
        return _open_tensorrt(model, batch_size, tell)
    from scanner.backends.cpu import CpuBackend

    return CpuBackend(model, threads or usable_cores(), batch_size)


def _refuse_int8(model: ModelFile) -> None:
    if model.card.cpu_only:
        raise BackendError(
            f"{model.path.name} is an int8 file, which is for CPUs; use --device cpu, or the "
            "float32 or float16 file of the model."
        )


def _open_cuda(model: ModelFile, batch_size: int | None, tell: Tell) -> Backend:
    _refuse_int8(model)
    from scanner.backends.cuda import CudaSession
    from scanner.backends.lanes import GpuBackend

    return GpuBackend(CudaSession(model), batch_size, tell)


def _open_tensorrt(model: ModelFile, batch_size: int | None, tell: Tell) -> Backend:
    _refuse_int8(model)
    from scanner.backends.lanes import GpuBackend
    from scanner.backends.tensorrt import Engine
    from scanner.backends.trt_cache import engine_of

    return GpuBackend(Engine(engine_of(model, batch_size, tell)), batch_size, tell)


def usable_cores() -> int:
    """CPU cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
