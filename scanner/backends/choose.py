"""Which backend scores: `open_backend` picks one and never falls back in silence."""

from __future__ import annotations

from scanner.backends.backend import Backend, BackendError, Tell, usable_cores
from scanner.model.engine import SUFFIX
from scanner.model.file import ModelFile

DEVICES = ("auto", "cpu", "cuda", "tensorrt")


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
    if device not in DEVICES:
        raise BackendError(f"there is no device {device!r}; known: {', '.join(DEVICES)}.")
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
    from scanner.backends.tensorrt.cache import engine_of
    from scanner.backends.tensorrt.runtime import Engine

    return GpuBackend(Engine(engine_of(model, batch_size, tell)), batch_size, tell)
