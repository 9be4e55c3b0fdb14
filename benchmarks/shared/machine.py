"""What a benchmark ran on."""

from __future__ import annotations

import contextlib
import platform
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil
import torch

from scanner.backends.backend import BackendError, usable_cores
from scanner.backends.gpu import DEVICE, find_gpu

PACKAGES = (
    "numpy",
    "pillow",
    "onnxruntime",
    "onnxruntime-gpu",
    "cuda-bindings",
    "tensorrt",
    "tensorrt-rtx-cu13",
    "timm",
    "torch",
)
GIB = 2**30


@dataclass(frozen=True)
class Graphics:
    """The GPU that is measured. driver: its version, or why it is unknown."""

    name: str
    memory_gib: float
    driver: str


@dataclass(frozen=True)
class Machine:
    """The part of a machine that speed depends on; it names no host.

    memory_gib: of the machine, whatever a container may use of it. gpu: None where PyTorch sees
    none.
    """

    processor: str
    cores: int
    memory_gib: float
    gpu: Graphics | None
    system: str
    python: str
    packages: dict[str, str]


def describe_machine() -> Machine:
    """This machine. `processor` comes from /proc/cpuinfo where there is one."""
    cpuinfo = Path("/proc/cpuinfo")
    processor = platform.processor()
    if cpuinfo.is_file():
        lines = cpuinfo.read_text().splitlines()
        names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
        processor = names[0] if names else processor
    return Machine(
        processor=processor,
        cores=usable_cores(),
        memory_gib=round(psutil.virtual_memory().total / GIB, 1),
        gpu=_graphics(),
        system=f"{platform.system()} {platform.machine()}",
        python=platform.python_version(),
        packages=_versions(),
    )


def _graphics() -> Graphics | None:
    if not torch.cuda.is_available():
        return None
    properties = torch.cuda.get_device_properties(DEVICE)
    try:
        driver = find_gpu("cuda").driver
    except BackendError as error:
        driver = str(error)
    return Graphics(properties.name, round(properties.total_memory / GIB, 1), driver)


def _versions() -> dict[str, str]:
    """The versions of those PACKAGES that are installed."""
    found = {}
    for package in PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            found[package] = version(package)
    return found
