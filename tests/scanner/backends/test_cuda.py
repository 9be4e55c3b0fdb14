"""Protects: bound memory gives the scores of plain runs, and CUDA that is missing is named.

The binding runs here on host memory with the CPU provider: the same calls, another device.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

from scanner.backends.backend import BackendError
from scanner.backends.choose import open_backend
from scanner.backends.cpu import CpuBackend
from scanner.backends.cuda import BoundLane, CudaSession, open_session
from scanner.backends.gpu import Buffers, OutOfMemory, cuda_driver_present
from scanner.backends.lanes import GpuBackend
from scanner.model import WIDEN_ONCE, ModelCard, ModelFile, open_model
from tests.conftest import CIFAKE_MODEL
from tests.scanner.views_model import VIEWS, scores_of, write_views_model

NO_GPU = "needs an NVIDIA GPU with CUDA"


class HostBuffers(Buffers):
    """Buffers whose device is the host."""

    device = "cpu"

    def __init__(self, batch: int, shape: tuple[int, ...], outputs: Sequence[str]) -> None:
        self.images = np.zeros((batch, *shape), np.uint8)
        self.scores = {name: np.zeros(batch, np.float32) for name in outputs}
        self._images, self._scores = self.images.copy(), deepcopy(self.scores)
        self.device_images = self._images.ctypes.data
        self.device_scores = {name: found.ctypes.data for name, found in self._scores.items()}

    def upload(self) -> None:
        self._images[:] = self.images

    def download(self) -> None:
        for name, found in self._scores.items():
            self.scores[name][:] = found

    def wait(self) -> None: ...

    def close(self) -> None: ...


class HostSession:
    """Opens bound lanes on the CPU."""

    provider = "CPUExecutionProvider"
    precision = "float32"
    smallest, largest = 1, 64

    def __init__(self, model: ModelFile) -> None:
        self.shape = model.card.preprocessing.shape
        self._outputs = model.card.outputs
        self._session = open_session(model, self.provider, {})

    def open_lane(self, batch: int) -> BoundLane:
        return BoundLane(self._session, HostBuffers(batch, self.shape, self._outputs))


@pytest.fixture(scope="module")
def model() -> ModelFile:
    return open_model(CIFAKE_MODEL)


@pytest.fixture(scope="module")
def views() -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (21, 32, 32, 3), dtype=np.uint8)


def test_int8_weights_are_widened_once(model: ModelFile, monkeypatch: pytest.MonkeyPatch) -> None:
    entries: list[tuple[str, str]] = []
    monkeypatch.setattr(
        onnxruntime.SessionOptions,
        "add_session_config_entry",
        lambda options, key, value: entries.append((key, value)),
    )
    open_session(model, "CPUExecutionProvider", {})
    assert WIDEN_ONCE in entries


@pytest.mark.parametrize("batch", [1, 8, 32])
def test_bound_memory_gives_the_scores_of_plain_runs(
    batch: int, model: ModelFile, views: NDArray[np.uint8]
) -> None:
    plain = CpuBackend(model, cores=1).score(views)
    bound = GpuBackend(HostSession(model), batch, print).score(views)
    assert bound.logits.tobytes() == plain.logits.tobytes()


@pytest.mark.parametrize("batch", [1, 4, 32])
def test_several_views_and_their_ood_go_through_bound_memory(
    batch: int, card: ModelCard, tmp_path: Path
) -> None:
    several = replace(card, preprocessing=VIEWS, ood_at_most=8.0)
    model = open_model(str(write_views_model(tmp_path / "views.onnx", several)))
    views = np.random.default_rng(0).integers(0, 256, (21, *VIEWS.shape), dtype=np.uint8)
    found = GpuBackend(HostSession(model), batch, print).score(views)
    assert list(found.each()) == list(scores_of(views).each())


def test_a_lane_is_used_again_after_a_short_batch(
    model: ModelFile, views: NDArray[np.uint8]
) -> None:
    lane = HostSession(model).open_lane(8)
    full, short = lane.run(views[:8]).logits, lane.run(views[8:11]).logits
    assert np.array_equal(lane.run(views[:8]).logits, full)
    assert len(short) == 3
    lane.close()


def test_memory_that_runs_out_in_onnx_runtime_is_told_apart(
    model: ModelFile, views: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    lane = HostSession(model).open_lane(4)

    def fail(message: str) -> None:
        def run(*_: object) -> None:
            raise RuntimeError(message)

        monkeypatch.setattr(onnxruntime.InferenceSession, "run_with_iobinding", run)

    fail("BFCArena::AllocateRawInternal Failed to allocate memory for requested buffer of size 9")
    with pytest.raises(OutOfMemory):
        lane.run(views[:4])
    fail("CUDA failure 700: an illegal memory access was encountered\nat line 1")
    with pytest.raises(BackendError, match="ONNX Runtime stopped: CUDA failure 700"):
        lane.run(views[:4])


def test_a_provider_that_fell_back_is_refused(model: ModelFile) -> None:
    if cuda_driver_present():
        pytest.skip("CUDA may start here")
    with pytest.raises(BackendError, match=r"CUDA 13 and cuDNN 9.*--device cpu"):
        open_session(model, "CUDAExecutionProvider", {})


@pytest.mark.skipif(cuda_driver_present(), reason="there is a driver here")
@pytest.mark.parametrize("device", ["cuda", "tensorrt"])
def test_a_missing_driver_is_named(device: str, model: ModelFile) -> None:
    with pytest.raises(BackendError, match=f"--device {device} .* no NVIDIA driver"):
        open_backend(model, device)


def test_auto_without_a_gpu_is_the_cpu(model: ModelFile) -> None:
    if cuda_driver_present():
        pytest.skip("there is a driver here")
    assert open_backend(model, "auto").provider == "CPUExecutionProvider"


def test_auto_says_why_the_gpu_is_not_used(
    model: ModelFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_gpu(device: str) -> None:
        raise BackendError("there is no GPU")

    monkeypatch.setattr("scanner.backends.gpu.cuda_driver_present", lambda: True)
    monkeypatch.setattr("scanner.backends.cuda.find_gpu", no_gpu)
    told: list[str] = []
    assert open_backend(model, "auto", tell=told.append).provider == "CPUExecutionProvider"
    assert told == ["the GPU is not used: there is no GPU"]


def test_an_onnx_runtime_without_cuda_is_named(
    model: ModelFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scanner.backends.cuda.find_gpu", lambda device: None)
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(BackendError, match="install onnxruntime-gpu"):
        CudaSession(model)


def test_a_model_that_cannot_run_is_a_sentence(model: ModelFile, tmp_path: Path) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no graph")
    with pytest.raises(BackendError, match=r"broken\.onnx cannot run on CUDA: "):
        open_session(replace(model, path=broken), "CPUExecutionProvider", {})


@pytest.mark.skipif(not cuda_driver_present(), reason=NO_GPU)
def test_the_gpu_agrees_with_the_cpu(model: ModelFile, views: NDArray[np.uint8]) -> None:
    backend = open_backend(model, "cuda", batch_size=8)
    assert backend.provider == "CUDAExecutionProvider"
    found, expected = backend.score(views).logits, CpuBackend(model, cores=1).score(views).logits
    assert np.abs(found - expected).max() < 1e-2
    assert found.tobytes() == backend.score(views).logits.tobytes()
