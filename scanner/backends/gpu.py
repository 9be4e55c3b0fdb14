"""The NVIDIA GPU as scoring needs it: what it is, and memory that batches cross the bus in."""

from __future__ import annotations

import ctypes
import math
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scanner.backends.backend import BackendError, Scores

DEVICE = 0


class OutOfMemory(Exception):
    """The GPU has too little memory left for this batch."""


@dataclass(frozen=True)
class Gpu:
    """capability: compute capability such as `8.9`. driver: its version such as `580.95`."""

    name: str
    capability: str
    driver: str


def cuda_driver_present() -> bool:
    """Whether an NVIDIA driver library can be loaded."""
    name = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True


def find_gpu(device: str) -> Gpu:
    """The first GPU. Raises BackendError, naming what `device` lacks: driver, library or GPU."""
    if not cuda_driver_present():
        raise _absent(device, "no NVIDIA driver was found")
    try:
        from cuda.bindings import runtime
    except ImportError as error:
        raise _absent(
            device, f"cuda-bindings is not installed (pip install 'imgscan[{device}]')"
        ) from error
    try:
        count = check(runtime.cudaGetDeviceCount())
    except BackendError as error:
        raise _absent(device, f"CUDA does not start: {error}") from error
    if count == 0:
        raise _absent(device, "there is no NVIDIA GPU, or CUDA_VISIBLE_DEVICES hides it")
    properties = check(runtime.cudaGetDeviceProperties(DEVICE))
    capability = f"{properties.major}.{properties.minor}"
    return Gpu(properties.name.decode(), capability, _driver_version())


def _driver_version() -> str:
    """The driver's own version or, where containers leave NVML out, the CUDA it supports."""
    from cuda.bindings import runtime

    try:
        from cuda.bindings import nvml  # which cuda-bindings 13.0 does not have

        nvml.init_v2()
        try:
            return str(nvml.system_get_driver_version())
        finally:
            nvml.shutdown()
    except Exception:  # neither a missing library nor NVML's own errors share a base class
        return f"CUDA {check(runtime.cudaDriverGetVersion())}"


def _absent(device: str, reason: str) -> BackendError:
    return BackendError(f"--device {device} was asked for but {reason}. Use --device cpu or auto.")


def check(result: tuple[Any, ...]) -> Any:
    """The value of a CUDA runtime call. Raises OutOfMemory, or BackendError with CUDA's reason."""
    from cuda.bindings import runtime

    error, *values = result
    if error == runtime.cudaError_t.cudaErrorMemoryAllocation:
        raise OutOfMemory("the GPU's memory is full")
    if error != runtime.cudaError_t.cudaSuccess:
        raise BackendError(f"{runtime.cudaGetErrorString(error)[1].decode()} ({error.name})")
    return values[0] if values else None


def speaks_of_memory(reason: str) -> bool:
    """Whether a library's last words say that it failed for want of memory."""
    text = reason.lower().replace(" ", "")
    signs = ("outofmemory", "failedtoallocate", "alloc_failed", "bad_alloc", "memoryallocation")
    return any(sign in text for sign in signs)


class Buffers:
    """One batch's way over the bus: pinned host memory, device memory and a stream.

    shape: of what is seen of one image. outputs: as `ModelCard` has them. images: uint8
    batch×shape, and scores: float32 batch by output; all pinned. device_images and device_scores:
    addresses of as much memory on the GPU. Raises OutOfMemory.
    """

    device = "cuda"

    def __init__(self, batch: int, shape: tuple[int, ...], outputs: Sequence[str]) -> None:
        from cuda.bindings import runtime

        self._cuda = runtime
        self._held = ExitStack()
        with self._held as unless_complete:
            self.stream = int(
                check(runtime.cudaStreamCreateWithFlags(runtime.cudaStreamNonBlocking))
            )
            unless_complete.callback(runtime.cudaStreamDestroy, self.stream)
            size = batch * math.prod(shape)
            self.images = self._pinned(size).reshape(batch, *shape)
            self.scores = {name: self._pinned(4 * batch).view(np.float32) for name in outputs}
            self.device_images = self.allocate(size)
            self.device_scores = {name: self.allocate(4 * batch) for name in outputs}
            self._held = unless_complete.pop_all()

    def allocate(self, size: int) -> int:
        """The address of `size` more bytes on the GPU, kept until `close`. Raises OutOfMemory."""
        address = int(check(self._cuda.cudaMalloc(size)))
        self._held.callback(self._cuda.cudaFree, address)
        return address

    def _pinned(self, size: int) -> NDArray[np.uint8]:
        address = int(check(self._cuda.cudaHostAlloc(size, self._cuda.cudaHostAllocDefault)))
        self._held.callback(self._cuda.cudaFreeHost, address)
        return np.ctypeslib.as_array((ctypes.c_uint8 * size).from_address(address))

    def upload(self) -> None:
        """Begin to copy `images` to the GPU."""
        kind = self._cuda.cudaMemcpyKind.cudaMemcpyHostToDevice
        source, size = self.images.ctypes.data, self.images.nbytes
        check(self._cuda.cudaMemcpyAsync(self.device_images, source, size, kind, self.stream))

    def download(self) -> None:
        """Begin to copy the GPU's scores to `scores`."""
        kind = self._cuda.cudaMemcpyKind.cudaMemcpyDeviceToHost
        for name, scores in self.scores.items():
            target, source, size = scores.ctypes.data, self.device_scores[name], scores.nbytes
            check(self._cuda.cudaMemcpyAsync(target, source, size, kind, self.stream))

    def first(self, count: int) -> Scores:
        """A copy of the scores of the first `count` images, after `download` and `wait`."""
        return Scores(*(scores[:count].copy() for scores in self.scores.values()))

    def wait(self) -> None:
        """Until all that was begun is done."""
        check(self._cuda.cudaStreamSynchronize(self.stream))

    def close(self) -> None:
        """Give all memory back; `images` and `scores` must not be touched any more."""
        self._held.close()
