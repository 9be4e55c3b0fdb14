"""Protects: the TensorRT that serves the GPU is chosen, or the sentence names what to install."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType

import pytest

from scanner.backends.backend import BackendError
from scanner.backends.tensorrt.flavors import choose_flavor, installed, load_tensorrt, version
from scanner.model.engine import FLAVORS

needs_rtx = pytest.mark.skipif(
    importlib.util.find_spec("tensorrt_rtx") is None, reason="needs tensorrt-rtx-cu13"
)


@pytest.fixture
def flavors(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is installed, for a test to fill."""
    here: list[str] = []
    monkeypatch.setattr("scanner.backends.tensorrt.flavors.installed", lambda: here)
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
def test_the_version_is_the_librarys_own() -> None:
    import tensorrt_rtx

    assert version("tensorrt_rtx") == tensorrt_rtx.__version__
