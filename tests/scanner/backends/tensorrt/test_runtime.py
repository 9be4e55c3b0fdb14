"""Protects: the TensorRT backend speaks the real libraries' language and refuses by reason."""

from __future__ import annotations

import ast
import importlib.util
import inspect
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from scanner.backends import gpu
from scanner.backends.backend import BackendError
from scanner.backends.choose import open_backend
from scanner.backends.cpu import CpuBackend
from scanner.backends.gpu import OutOfMemory, check, cuda_driver_present, find_gpu
from scanner.backends.tensorrt import build as builder
from scanner.backends.tensorrt import flavors
from scanner.backends.tensorrt import runtime as runner
from scanner.backends.tensorrt.build import build
from scanner.backends.tensorrt.cache import EngineKey, describe
from scanner.backends.tensorrt.flavors import installed
from scanner.backends.tensorrt.runtime import Engine, inspect_engine
from scanner.model import ModelCard, open_model
from scanner.model.engine import BatchProfile, EngineFile
from scanner.preprocess import Preprocessing

if importlib.util.find_spec("cuda") is None:
    pytest.skip("needs cuda-bindings", allow_module_level=True)
from cuda.bindings import runtime

from tests.conftest import CIFAKE_MODEL

needs_rtx = pytest.mark.skipif("tensorrt_rtx" not in installed(), reason="needs tensorrt-rtx-cu13")


def attributes(module: ModuleType, names: set[str]) -> set[str]:
    """Every attribute a module looks up in the given variables."""
    found = set()
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) in names:
            found.add(node.attr)
    return found


@pytest.mark.parametrize("module", [gpu, runner], ids=["gpu", "tensorrt"])
def test_every_cuda_call_exists(module: ModuleType) -> None:
    calls = attributes(module, {"runtime", "self._cuda"})
    assert calls
    assert {call for call in calls if not hasattr(runtime, call)} == set()


def test_every_cuda_call_has_its_arguments() -> None:
    """The bindings have no signatures, but their documentation begins with them."""
    for module in (gpu, runner):
        for node in ast.walk(ast.parse(inspect.getsource(module))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            name = node.func.attr
            if name.startswith("cuda"):
                signature = getattr(runtime, name).__doc__.strip().splitlines()[0]
                inside = signature.partition("(")[2].rpartition(")")[0]
                wanted = len([part for part in inside.split(",") if part])
                assert len(node.args) == wanted, signature


@needs_rtx
@pytest.mark.parametrize("modules", [(builder, flavors), (runner,)], ids=["build", "run"])
def test_every_tensorrt_name_exists(modules: tuple[ModuleType, ...]) -> None:
    import tensorrt_rtx

    owners: dict[str, Any] = {
        "trt": tensorrt_rtx,
        "builder": tensorrt_rtx.Builder,
        "parser": tensorrt_rtx.OnnxParser,
        "shapes": tensorrt_rtx.IOptimizationProfile,
        "engine": tensorrt_rtx.ICudaEngine,
        "self._engine": tensorrt_rtx.ICudaEngine,
        "self._runtime": tensorrt_rtx.Runtime,
        "context": tensorrt_rtx.IExecutionContext,
        "self._context": tensorrt_rtx.IExecutionContext,
        "config": tensorrt_rtx.IBuilderConfig
        if builder in modules
        else tensorrt_rtx.IRuntimeConfig,
    }
    names = [
        (owner, name)
        for variable, owner in owners.items()
        for module in modules
        for name in attributes(module, {variable})
    ]
    assert len(names) > 10
    assert [(owner, name) for owner, name in names if not hasattr(owner, name)] == []


class FakeEngine:
    """What `inspect_engine` asks of an engine; `types` maps its tensors to their types."""

    def __init__(self, types: dict[str, str]) -> None:
        self._types = types
        self.num_io_tensors = len(types)

    def get_tensor_name(self, index: int) -> str:
        return list(self._types)[index]

    def get_tensor_dtype(self, name: str) -> str:
        return self._types[name]

    def get_tensor_profile_shape(self, name: str, profile: int) -> list[tuple[int, ...]]:
        return [(batch, 32, 32, 3) for batch in (1, 8, 64)]


TYPES = SimpleNamespace(DataType=SimpleNamespace(UINT8="uint8", FLOAT="float32"))


def inspected(types: dict[str, str], card: ModelCard) -> BatchProfile:
    engine: Any = FakeEngine(types)
    return inspect_engine(TYPES, engine, card)


def test_an_engine_tells_its_batches(card: ModelCard) -> None:
    types = {"images": "uint8", "logit": "float32"}
    assert inspected(types, card) == BatchProfile(1, 8, 64)
    measuring = replace(card, ood_at_most=1.0)
    assert inspected(types | {"ood": "float32"}, measuring) == BatchProfile(1, 8, 64)
    with pytest.raises(BackendError, match="no detector"):
        inspected(types, measuring)


def test_an_engine_that_sees_other_views_than_its_card_says_is_refused(card: ModelCard) -> None:
    several = replace(card, preprocessing=Preprocessing(32, native=4))
    sentence = "sees 32×32×3 of an image, and its card says 5×32×32×3; build it again"
    with pytest.raises(BackendError, match=sentence):
        inspected({"images": "uint8", "logit": "float32"}, several)


@pytest.mark.parametrize(
    "types",
    [
        {"pixels": "uint8", "logit": "float32"},
        {"images": "float32", "logit": "float32"},
        {"images": "uint8", "logit": "float16"},
        {"images": "uint8", "logit": "float32", "features": "float32"},
    ],
)
def test_an_engine_that_is_no_detector_is_refused(types: dict[str, str], card: ModelCard) -> None:
    with pytest.raises(BackendError, match="no detector"):
        inspected(types, card)


def engine_file(content: bytes) -> EngineFile:
    """An engine of TensorRT for RTX as the cache would hand it over."""
    key = EngineKey("", "tensorrt_rtx", "", "", "8.9", "", "float32", BatchProfile(1, 4, 8))
    return EngineFile(Path("x.engine"), describe(open_model(CIFAKE_MODEL), key, content), content)


@needs_rtx
def test_an_engine_that_cannot_load_is_a_sentence() -> None:
    with pytest.raises(BackendError, match=r"TensorRT for RTX .* cannot load the engine: .+"):
        Engine(engine_file(b"no engine"))


@needs_rtx
@pytest.mark.skipif(cuda_driver_present(), reason="there is a driver here")
def test_a_real_engine_without_a_driver_says_so(brightness_model: Path) -> None:
    data = build(
        brightness_model, (32, 32, 3), "tensorrt_rtx", BatchProfile(1, 4, 8), capabilities=["8.9"]
    )
    with pytest.raises(BackendError, match="CUDA driver version is insufficient"):
        Engine(engine_file(data))


def test_cudas_reason_is_passed_on() -> None:
    errors = runtime.cudaError_t
    assert check((errors.cudaSuccess, 7)) == 7
    assert check((errors.cudaSuccess,)) is None
    with pytest.raises(OutOfMemory):
        check((errors.cudaErrorMemoryAllocation, None))
    with pytest.raises(BackendError, match=r"no CUDA-capable device.*cudaErrorNoDevice"):
        check((errors.cudaErrorNoDevice, None))


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        ((runtime.cudaError_t.cudaErrorInsufficientDriver, None), "driver version is insufficient"),
        ((runtime.cudaError_t.cudaErrorNoDevice, None), "no CUDA-capable device"),
        ((runtime.cudaError_t.cudaSuccess, 0), "no NVIDIA GPU, or CUDA_VISIBLE_DEVICES"),
    ],
)
def test_a_driver_without_a_gpu_is_named(
    result: tuple[Any, Any], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu, "cuda_driver_present", lambda: True)
    monkeypatch.setattr(runtime, "cudaGetDeviceCount", lambda: result)
    with pytest.raises(BackendError, match=f"--device tensorrt .*{reason}.*--device cpu"):
        find_gpu("tensorrt")


@pytest.mark.skipif(cuda_driver_present(), reason="there is a driver here")
def test_a_machine_without_nvml_has_a_driver_version() -> None:
    assert gpu._driver_version().startswith("CUDA ")


def test_bindings_without_nvml_still_tell_a_driver_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("cuda.bindings.nvml", raising=False)
    monkeypatch.setitem(__import__("sys").modules, "cuda.bindings.nvml", None)
    assert gpu._driver_version().startswith("CUDA ")


def test_missing_bindings_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "cuda_driver_present", lambda: True)
    monkeypatch.setitem(__import__("sys").modules, "cuda.bindings", None)
    with pytest.raises(BackendError, match=r"pip install 'imgscan\[cuda\]'"):
        find_gpu("cuda")


@pytest.mark.skipif(not cuda_driver_present(), reason="needs an NVIDIA GPU with TensorRT")
def test_the_engine_agrees_with_the_cpu(
    brightness_model: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    model = open_model(str(brightness_model))
    views = np.random.default_rng(0).integers(0, 256, (21, 32, 32, 3), dtype=np.uint8)
    told: list[str] = []
    for _ in range(2):
        backend = open_backend(model, "tensorrt", batch_size=8, tell=told.append)
        found = backend.score(views).logits
        plain = CpuBackend(model, cores=1).score(views).logits
        assert np.abs(found - plain).max() < 1e-3
    assert len(told) == 1, "the second time the engine comes out of the cache"
