"""What a benchmark ran on, and where its results go."""

from __future__ import annotations

import contextlib
import json
import platform
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from scanner.backends import usable_cores

PACKAGES = ("numpy", "pillow", "onnxruntime", "onnxruntime-gpu", "timm", "torch")


@dataclass(frozen=True)
class Machine:
    """The part of a machine that speed depends on; it names no host."""

    processor: str
    cores: int
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
        system=f"{platform.system()} {platform.machine()}",
        python=platform.python_version(),
        packages=_versions(),
    )


def _versions() -> dict[str, str]:
    """The versions of those PACKAGES that are installed."""
    found = {}
    for package in PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def write_results(path: Path, results: dict[str, Any]) -> None:
    """Write results as JSON, creating their folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results, indent=2) + "\n")
