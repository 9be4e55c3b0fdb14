"""Warm scans, and faults.c compiled to be put under them."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scanner.filesystem.scanning import Scans
from tests.scanner.filesystem.trials import Trials

SOURCE = Path(__file__).with_name("faults.c")
FLAGS = ["-shared", "-fPIC", "-O1", "-U_FORTIFY_SOURCE"]


@pytest.fixture(scope="session")
def memory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An empty folder, in memory where there is such a place: it is fast and takes any date."""
    place = Path("/dev/shm")
    if not os.access(place, os.W_OK):
        yield tmp_path_factory.mktemp("filesystem").resolve()
        return
    with tempfile.TemporaryDirectory(dir=place, prefix="imgscan-tests-") as folder:
        yield Path(folder).resolve()


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """faults.c compiled."""
    compiler = shutil.which("cc")
    if compiler is None or platform.libc_ver()[0] != "glibc" or sys.maxsize < 2**63 - 1:
        pytest.skip("it takes a C compiler and 64-bit Linux with glibc to put faults under a scan")
    path = tmp_path_factory.mktemp("faults") / "faults.so"
    subprocess.run([compiler, *FLAGS, "-o", path, SOURCE, "-ldl"], check=True)
    return path


@pytest.fixture(scope="session")
def trials(memory: Path, brightness_model: Path, library: Path) -> Iterator[Trials]:
    """Scans under plans."""
    work = memory / "trials"
    work.mkdir()
    with Trials(work, brightness_model, library) as trials:
        if not trials.sites:
            pytest.skip("this Python does not call the C library by the names that faults.c knows")
        yield trials


@pytest.fixture(scope="session")
def scans(memory: Path, brightness_model: Path) -> Iterator[Scans]:
    """Undisturbed scans of an evidence folder that a test makes."""
    work = memory / "scans"
    work.mkdir()
    with Scans(work / "evidence", work, brightness_model) as scans:
        yield scans
