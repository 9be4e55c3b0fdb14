"""The two TensorRT libraries, and which of them serves a GPU.

`tensorrt` is for every NVIDIA GPU and `tensorrt_rtx`, TensorRT for RTX, for workstations. Both have
one builder interface and one runtime.
"""

from __future__ import annotations

import importlib
from typing import Any

from scanner.backends.backend import BackendError
from scanner.model.engine import FLAVORS

NAMES = {"tensorrt": "TensorRT", "tensorrt_rtx": "TensorRT for RTX"}
PACKAGES = {"tensorrt": "tensorrt", "tensorrt_rtx": "tensorrt-rtx-cu13"}  # module to package
# Compute capabilities that TensorRT for RTX serves, as in its ComputeCapability.
RTX = ("7.5", "8.0", "8.6", "8.9", "12.0", "12.1")
# Of those, the ones of data centres, where TensorRT itself comes first.
NOT_WORKSTATIONS = ("8.0",)
WHICH = (
    "for GeForce RTX and RTX PRO workstations pip install tensorrt-rtx-cu13, "
    "for data-centre GPUs (A100, H100, B200) pip install tensorrt"
)


def installed() -> list[str]:
    """The flavors that can be imported here."""
    return [flavor for flavor in FLAVORS if _module(flavor) is not None]


def choose_flavor(capability: str | None, wanted: str | None = None) -> str:
    """The flavor for a GPU of compute capability `capability` (None: unknown), or the one wanted.

    Raises BackendError when it is not installed or does not serve that GPU.
    """
    here = installed()
    if wanted is not None and wanted not in here:
        raise BackendError(
            f"{wanted} is not installed: pip install {PACKAGES[wanted]} (TensorRT: {WHICH})."
        )
    if not here:
        raise BackendError(f"TensorRT is not installed: {WHICH}.")
    serves_rtx = capability is None or capability in RTX
    workstation = capability in RTX and capability not in NOT_WORKSTATIONS
    order = sorted(here, key=lambda flavor: (flavor == "tensorrt_rtx") != workstation)
    chosen = wanted or next((f for f in order if f == "tensorrt" or serves_rtx), None)
    if chosen is None or (chosen == "tensorrt_rtx" and not serves_rtx):
        raise BackendError(
            f"TensorRT for RTX does not serve a GPU of compute capability {capability}; "
            "pip install tensorrt."
        )
    return chosen


def load_tensorrt(flavor: str) -> Any:
    """The module of a flavor. Raises BackendError when it is not installed."""
    choose_flavor(None, flavor)
    return _module(flavor)


def _module(flavor: str) -> Any | None:
    try:
        module = importlib.import_module(flavor)
    except (ImportError, OSError, RuntimeError):  # a wheel without its libraries
        return None
    return module if hasattr(module, "Builder") else None  # type stubs alone import as nothing


def version(flavor: str) -> str:
    """The full version of an installed flavor. Raises BackendError."""
    return str(load_tensorrt(flavor).__version__)


def collecting_logger(trt: Any) -> Any:
    """A logger for `trt` that prints nothing and keeps the errors for `reason()`."""

    class Log(trt.ILogger):
        def __init__(self) -> None:
            super().__init__()
            self.errors: list[str] = []

        def log(self, severity: Any, text: str) -> None:
            if severity in (trt.ILogger.Severity.ERROR, trt.ILogger.Severity.INTERNAL_ERROR):
                self.errors.append(text)

        def reason(self) -> str:
            return self.errors[0].strip() if self.errors else "no reason given"

    return Log()
