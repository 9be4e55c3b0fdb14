"""Protects: the TensorRT that serves the GPU is chosen, and engines build without a GPU.

TensorRT for RTX builds real engines here, ahead of time, when it is installed.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from scanner.backends.backend import BackendError
from scanner.backends.tensorrt import library
from scanner.backends.tensorrt.build import build
from scanner.backends.tensorrt.library import choose_flavor, installed, load_tensorrt, version
from scanner.model import bundled_models, open_model
from scanner.model.engine import FLAVORS, BatchProfile

needs_rtx = pytest.mark.skipif(
    importlib.util.find_spec("tensorrt_rtx") is None, reason="needs tensorrt-rtx-cu13"
)


@pytest.fixture
def flavors(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is installed, for a test to fill."""
    here: list[str] = []
    monkeypatch.setattr(library, "installed", lambda: here)
    return here


@pytest.mark.parametrize(
    ("capability", "here", "chosen"),
    [
        ("9.0", ["tensorrt", "tensorrt_rtx"], "tensorrt"),
        ("9.0", ["tensorrt"], "tensorrt"),
        ("8.0", ["tensorrt", "tensorrt_rtx"], "tensorrt"),
        ("8.0", ["tensorrt_rtx"], "tensorrt_rtx"),
        ("8.9", ["tensorrt", "tensorrt_rtx"], "tensorrt_rtx"),
        ("12.0", ["tensorrt"], "tensorrt"),
        (None, ["tensorrt", "tensorrt_rtx"], "tensorrt"),
        (None, ["tensorrt_rtx"], "tensorrt_rtx"),
    ],
)
def test_the_gpu_decides(
    capability: str | None, here: list[str], chosen: str, flavors: list[str]
) -> None:
    flavors += here
    assert choose_flavor(capability) == chosen


def test_the_wanted_flavor_comes_first(flavors: list[str]) -> None:
    flavors += ["tensorrt", "tensorrt_rtx"]
    assert choose_flavor("8.9", "tensorrt") == "tensorrt"


def test_no_tensorrt_names_the_package_for_each_gpu(flavors: list[str]) -> None:
    with pytest.raises(BackendError, match=r"pip install tensorrt-rtx-cu13.*pip install tensorrt"):
        choose_flavor("8.9")


@pytest.mark.parametrize("flavor", FLAVORS)
def test_a_wanted_flavor_that_is_missing_names_its_package(flavor: str, flavors: list[str]) -> None:
    with pytest.raises(BackendError, match=f"{flavor} is not installed: pip install tensorrt"):
        load_tensorrt(flavor)


@pytest.mark.parametrize("wanted", [None, "tensorrt_rtx"])
def test_rtx_refuses_a_gpu_it_does_not_serve(wanted: str | None, flavors: list[str]) -> None:
    flavors += ["tensorrt_rtx"]
    with pytest.raises(BackendError, match=r"does not serve .* 9\.0; pip install tensorrt"):
        choose_flavor("9.0", wanted)


def test_type_stubs_alone_are_no_tensorrt(monkeypatch: pytest.MonkeyPatch) -> None:
    for flavor in FLAVORS:
        monkeypatch.setitem(sys.modules, flavor, ModuleType(flavor))
    assert installed() == []


@needs_rtx
@pytest.mark.parametrize("capabilities", [(), ("8.9",), ("8.9", "12.0")])
def test_an_engine_builds_without_a_gpu(
    capabilities: tuple[str, ...], brightness_model: Path, tmp_path: Path
) -> None:
    engine = build(
        brightness_model,
        32,
        "tensorrt_rtx",
        BatchProfile(1, 4, 8),
        workspace_bytes=2**28,
        timing_cache=tmp_path / "timing",
        capabilities=capabilities,
    )
    assert len(engine) > 1000
    assert not list(tmp_path.iterdir()), "TensorRT for RTX has no timings to keep"


@needs_rtx
@pytest.mark.parametrize("capability", ["9.0", "10.0", "99"])
def test_another_gpu_that_rtx_does_not_serve_is_refused(
    capability: str, brightness_model: Path
) -> None:
    with pytest.raises(BackendError, match=f"does not serve compute capability {capability}"):
        build(
            brightness_model, 32, "tensorrt_rtx", BatchProfile(1, 1, 1), capabilities=[capability]
        )


FOR_GPUS = [name for name in bundled_models() if not open_model(name).card.cpu_only]


@needs_rtx
@pytest.mark.parametrize("name", FOR_GPUS)
def test_bundled_models_build(name: str) -> None:
    model = open_model(name)
    side = model.card.preprocessing.size
    profile = BatchProfile(1, 8, 32)
    assert build(model.path, side, "tensorrt_rtx", profile, capabilities=["8.9"])


@needs_rtx
def test_what_is_no_graph_is_a_sentence(tmp_path: Path) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no graph")
    with pytest.raises(BackendError, match=r"TensorRT cannot read broken\.onnx: "):
        build(broken, 32, "tensorrt_rtx", BatchProfile(1, 1, 1))


@needs_rtx
def test_the_version_is_the_librarys_own() -> None:
    import tensorrt_rtx

    assert version("tensorrt_rtx") == tensorrt_rtx.__version__
