"""ONNX Runtime on CUDA, with its input and output bound to memory on the GPU."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from scanner.backends.backend import BackendError, Scores
from scanner.backends.gpu import DEVICE, Buffers, OutOfMemory, find_gpu, speaks_of_memory
from scanner.model.card import INPUT, WIDEN_ONCE
from scanner.model.file import ModelFile

PROVIDER = "CUDAExecutionProvider"
NEEDS = "CUDA 13 and cuDNN 9 (pip install 'imgscan[cuda]')"
OPTIONS = {
    "device_id": str(DEVICE),
    # Not the exhaustive search: it times kernels, and another choice rounds differently.
    "cudnn_conv_algo_search": "HEURISTIC",
    "use_tf32": "0",  # float32 means float32, as it did in the export's parity gate
    "arena_extend_strategy": "kSameAsRequested",  # leave memory for the other lane
}
LARGEST = 4096
FATAL = 4


class CudaSession:
    """An ONNX Runtime session on the GPU that opens lanes."""

    provider = PROVIDER
    smallest, largest = 1, LARGEST

    def __init__(self, model: ModelFile) -> None:
        """Raises BackendError with what is missing: driver, GPU, library."""
        find_gpu("cuda")
        if PROVIDER not in onnxruntime.get_available_providers():
            raise BackendError(
                "--device cuda was asked for but this ONNX Runtime was built without it; install "
                "onnxruntime-gpu in place of onnxruntime, or use --device cpu."
            )
        with contextlib.suppress(Exception):  # absent libraries are met when the session opens
            onnxruntime.preload_dlls()
        half = model.card.precision == "float16"
        self.precision = "float16" if half else "float32"  # rows in int8 have no kernels there
        self.shape = model.card.preprocessing.shape
        self._outputs = model.card.outputs
        self._session = open_session(model, PROVIDER, OPTIONS)

    def open_lane(self, batch: int) -> BoundLane:
        return BoundLane(self._session, Buffers(batch, self.shape, self._outputs))


class BoundLane:
    """Runs one batch on bound memory."""

    def __init__(self, session: onnxruntime.InferenceSession, buffers: Buffers) -> None:
        self.batch = len(buffers.images)
        self._session = session
        self._buffers = buffers
        self._binding = session.io_binding()
        place = (buffers.device, DEVICE)
        views = buffers.images.shape
        self._binding.bind_input(INPUT, *place, np.uint8, views, buffers.device_images)
        for name, address in buffers.device_scores.items():
            self._binding.bind_output(name, *place, np.float32, (self.batch,), address)

    def run(self, views: NDArray[np.uint8]) -> Scores:
        """The scores of 1 to `batch` images. Raises OutOfMemory."""
        held = self._buffers
        held.images[: len(views)] = views
        held.upload()
        held.wait()
        try:
            self._session.run_with_iobinding(self._binding)  # returns when the GPU is done
        except Exception as error:  # ONNX Runtime's exceptions share no public base class
            if speaks_of_memory(str(error)):
                raise OutOfMemory(str(error)) from error
            raise BackendError(f"ONNX Runtime stopped: {_first_line(error)}") from error
        held.download()
        held.wait()
        return held.first(len(views))

    def close(self) -> None:
        self._binding.clear_binding_inputs()
        self._binding.clear_binding_outputs()
        self._buffers.close()


def open_session(
    model: ModelFile, provider: str, options: dict[str, Any]
) -> onnxruntime.InferenceSession:
    """A session that really runs on `provider`. Raises BackendError."""
    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = FATAL  # what matters is checked and said in a sentence
    settings.add_session_config_entry(*WIDEN_ONCE)
    onnxruntime.set_default_logger_severity(FATAL)  # whose loader of libraries knows no session
    try:
        # Without its own way of falling back, which says so on standard output, amid the CSV.
        session = onnxruntime.InferenceSession(
            model.path, settings, providers=[(provider, options)], enable_fallback=0
        )
    except Exception as error:  # ONNX Runtime's exceptions share no public base class
        raise BackendError(f"{model.path.name} cannot run on CUDA: {_first_line(error)}") from error
    if session.get_providers()[0] != provider:  # it has fallen back to the CPU
        raise BackendError(
            f"--device cuda was asked for but ONNX Runtime could not start it; it needs {NEEDS}. "
            "Use --device cpu or auto."
        )
    return session


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
