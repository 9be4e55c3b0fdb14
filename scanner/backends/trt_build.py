"""TensorRT engines from ONNX graphs, with whichever TensorRT serves the GPU.

Two libraries share one builder interface: `tensorrt` for every NVIDIA GPU and `tensorrt_rtx`,
TensorRT for RTX, for workstations. Networks are strongly typed, the one way both of them and
TensorRT 10 and 11 know: an engine computes in the precision of its graph.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scanner.backends import BackendError
from scanner.engine import FLAVORS, BatchProfile
from scanner.files import own_partial_path, write_whole
from scanner.model import INPUT

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


def build(
    onnx_path: Path,
    side: int,
    flavor: str,
    profile: BatchProfile,
    workspace_bytes: int | None = None,
    timing_cache: Path | None = None,
    capabilities: Sequence[str] = (),
) -> bytes:
    """A serialised engine of the graph at `onnx_path`, in the graph's own precision.

    side: of the views in pixels. workspace_bytes: scratch memory for kernels; None for all there
    is. timing_cache: file that carries timings from build to build; only `tensorrt` has any.
    capabilities: compute capabilities to build for ahead of time, on a machine with any GPU or none
    (TensorRT for RTX only). Raises BackendError with TensorRT's reason.
    """
    trt = load_tensorrt(flavor)
    log = collecting_logger(trt)
    try:
        builder = trt.Builder(log)
    except (RuntimeError, TypeError) as error:  # the bindings' word for a null pointer
        raise BackendError(f"TensorRT cannot start: {log.reason()}") from error
    typed = 1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED)
    network = builder.create_network(typed)
    parser = trt.OnnxParser(network, log)
    if not parser.parse_from_file(str(onnx_path)):
        raise BackendError(
            f"TensorRT cannot read {onnx_path.name}: {log.reason()}. A file of an older export is "
            f"mended by python -m export.onnx {onnx_path.name} -o NEW.onnx."
        )
    config = builder.create_builder_config()
    config.clear_flag(trt.BuilderFlag.TF32)  # float32 means float32
    shapes = builder.create_optimization_profile()
    batches = (profile.minimum, profile.optimum, profile.maximum)
    shapes.set_shape(INPUT, *((batch, side, side, 3) for batch in batches))
    config.add_optimization_profile(shapes)
    if workspace_bytes is not None:
        config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, workspace_bytes)
    _target(trt, config, capabilities)
    if timing_cache is not None and flavor == "tensorrt":  # the other takes no timings
        known = timing_cache.read_bytes() if timing_cache.is_file() else b""
        config.set_timing_cache(config.create_timing_cache(known), ignore_mismatch=False)
    engine = builder.build_serialized_network(network, config)
    if engine is None:
        raise BackendError(f"TensorRT cannot build {onnx_path.name}: {log.reason()}")
    if timing_cache is not None and flavor == "tensorrt":
        timings = bytes(config.get_timing_cache().serialize())
        write_whole(timing_cache, timings, own_partial_path(timing_cache))
    return bytes(engine)


def _target(trt: Any, config: Any, capabilities: Sequence[str]) -> None:
    if not capabilities:
        return
    config.num_compute_capabilities = len(capabilities)
    for index, capability in enumerate(capabilities):
        known = getattr(trt.ComputeCapability, f"SM{capability.replace('.', '')}", None)
        if known is None:
            raise BackendError(
                f"TensorRT for RTX does not serve compute capability {capability}; "
                f"it serves {', '.join(RTX)}."
            )
        config.set_compute_capability(known, index)


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
