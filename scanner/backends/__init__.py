"""What scores batches of views. `open_backend` picks one and never falls back in silence."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from scanner.model import ModelFile

DEVICES = ("auto", "cpu", "cuda", "tensorrt")


class BackendError(Exception):
    """The device cannot be used; the sentence says why."""


class Backend(Protocol):
    """`provider` and `precision` are what really runs; `batch_size` is the default for it."""

    provider: str
    precision: str
    batch_size: int

    def score(self, views: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Raw logits, float32 N, of uint8 views N×V×V×3."""
        ...


def open_backend(model: ModelFile, device: str, threads: int | None = None) -> Backend:
    """A backend for `device`; `auto` is the fastest that works here. Raises BackendError.

    threads: CPU threads for inference; None for one a physical core.
    """
    from scanner.backends.onnx import OnnxBackend, cuda_driver_present

    if device == "auto":
        if cuda_driver_present():
            try:
                return OnnxBackend(model, "cuda", threads)
            except BackendError:
                pass  # the summary and the report name the provider that ran
        return OnnxBackend(model, "cpu", threads)
    return OnnxBackend(model, device, threads)
