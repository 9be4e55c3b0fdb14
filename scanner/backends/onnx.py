"""ONNX Runtime: CPU, CUDA, and TensorRT through its execution provider."""

from __future__ import annotations

import contextlib
import ctypes
import sys

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from scanner.backends import BackendError
from scanner.model import INPUT, OUTPUT, ModelFile

PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
}
NEEDS = {
    "cuda": "an NVIDIA GPU and driver, CUDA 13 and cuDNN 9 (pip install 'imgscan[cuda]')",
    "tensorrt": "an NVIDIA GPU and driver, CUDA 13, cuDNN 9 and TensorRT 10's libnvinfer",
}
# Large enough to fill the cores, small enough to stay in a CPU's caches; a GPU wants more.
BATCH_SIZES = {"cpu": 32, "cuda": 128, "tensorrt": 128}
FATAL = 4


class OnnxBackend:
    """Scores views with one ONNX Runtime session on one device."""

    def __init__(self, model: ModelFile, device: str, threads: int | None) -> None:
        self.batch_size = BATCH_SIZES[device]
        self.precision = "float32"
        wanted = PROVIDERS[device]
        self._session = _open_session(model, wanted, device, threads)
        self.provider = self._session.get_providers()[0]
        if self.provider != wanted:
            raise BackendError(
                f"--device {device} was asked for but ONNX Runtime could not start it; "
                f"it needs {NEEDS[device]}. Use --device cpu or auto."
            )

    def score(self, views: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Raw logits, float32 N, of uint8 views N×V×V×3."""
        logits: NDArray[np.float32] = self._session.run([OUTPUT], {INPUT: views})[0]
        return logits


def _open_session(
    model: ModelFile, wanted: str, device: str, threads: int | None
) -> onnxruntime.InferenceSession:
    if wanted not in onnxruntime.get_available_providers():
        raise BackendError(
            f"this ONNX Runtime has no {wanted}; install onnxruntime-gpu, or use --device cpu."
        )
    if device != "cpu":
        if not cuda_driver_present():
            raise BackendError(
                f"--device {device} was asked for but no NVIDIA driver was found; "
                f"it needs {NEEDS[device]}. Use --device cpu or auto."
            )
        with contextlib.suppress(Exception):  # absent libraries are met when the session opens
            onnxruntime.preload_dlls()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = FATAL  # what matters is checked and said in a sentence
    # Spinning threads would take the cores the decoding workers need.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if threads is not None:
        options.intra_op_num_threads = threads
    try:
        return onnxruntime.InferenceSession(model.path, options, providers=[wanted])
    except Exception as error:  # ONNX Runtime's exceptions share no public base class
        reason = str(error).splitlines()[0]
        raise BackendError(f"{model.path.name} cannot run on {device}: {reason}") from error


def cuda_driver_present() -> bool:
    """Whether an NVIDIA driver library can be loaded."""
    name = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True
