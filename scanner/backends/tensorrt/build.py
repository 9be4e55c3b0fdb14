"""TensorRT engines from ONNX graphs.

Networks are strongly typed, the one way that both libraries and TensorRT 10 and 11 know: an engine
computes in the precision of its graph.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scanner.backends.backend import BackendError
from scanner.backends.tensorrt.flavors import RTX, collecting_logger, load_tensorrt
from scanner.files import own_partial_path, write_whole
from scanner.model.card import INPUT, VIEW_LOGITS
from scanner.model.engine import BatchProfile


def build(
    onnx_path: Path,
    shape: tuple[int, ...],
    flavor: str,
    profile: BatchProfile,
    workspace_bytes: int | None = None,
    timing_cache: Path | None = None,
    capabilities: Sequence[str] = (),
) -> bytes:
    """A serialised engine of the graph at `onnx_path`, in the graph's own precision.

    shape: of what it sees of one image, as `Preprocessing.shape` has it. workspace_bytes: scratch
    memory for kernels; None for all there is. timing_cache: file that carries timings from build to
    build; only `tensorrt` has any. capabilities: compute capabilities to build for ahead of time,
    on a machine with any GPU or none (TensorRT for RTX only). Raises BackendError with TensorRT's
    reason.
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
    for output in [network.get_output(index) for index in range(network.num_outputs)]:
        if output.name == VIEW_LOGITS:  # which no scan reads
            network.unmark_output(output)
    config = builder.create_builder_config()
    config.clear_flag(trt.BuilderFlag.TF32)  # float32 means float32
    shapes = builder.create_optimization_profile()
    batches = (profile.minimum, profile.optimum, profile.maximum)
    shapes.set_shape(INPUT, *((batch, *shape) for batch in batches))
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
