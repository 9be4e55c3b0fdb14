"""Protects: imports run one way, from the table of layers in pyproject.toml, without a circle."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path

import pytest

from scanner.containers.registry import CONTAINERS
from tests.conftest import HANG_GUARD, ROOT

PACKAGES = ("benchmarks", "export", "trainer", "scanner")
CHECK = "from importlinter.cli import lint_imports; raise SystemExit(lint_imports(no_cache=True))"


def checked(root: Path) -> subprocess.CompletedProcess[str]:
    """What the import linter says of the packages in `root`, by the contracts there."""
    return subprocess.run(
        [sys.executable, "-c", CHECK],
        cwd=root,
        env=os.environ | {"PYTHONPATH": str(root)},
        capture_output=True,
        encoding="utf-8",
        timeout=HANG_GUARD,
        check=False,
    )


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A copy of the code and the contracts, for a test to spoil."""
    for package in PACKAGES:
        shutil.copytree(
            ROOT / package,
            tmp_path / package,
            ignore=lambda folder, names: _not_code(folder, names),
        )
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def _not_code(folder: str, names: list[str]) -> set[str]:
    paths = [Path(folder, name) for name in names]
    return {
        p.name for p in paths if p.name == "__pycache__" or not (p.is_dir() or p.suffix == ".py")
    }


def add(file: Path, line: str) -> None:
    file.write_text(f"{file.read_text('utf-8')}\n\n{line}\n", "utf-8")


def test_imports_run_one_way() -> None:
    done = checked(ROOT)
    assert done.returncode == 0, done.stdout


# A module, what it must not import, and the contract that says so.
FORBIDDEN = [
    ("scanner.images.tiff", "scanner.scan.watcher", "The floors of the scanner"),
    ("scanner.paths", "scanner.processes", "The floors of the scanner"),
    ("scanner.hashes.known", "scanner.sources.found", "The floors of the scanner"),
    ("scanner.model.card", "trainer.recipe", "The packages"),
    ("trainer.recipe", "scanner.workers.pool", "The trainer knows"),
    ("export.parity", "scanner.scan.run", "The export knows"),
    ("benchmarks.shared.rounds", "benchmarks.stages.costs", "The floors of the benchmarks"),
]
CIRCLES = [
    ("scanner.containers.container", "scanner.containers.zip"),
    ("scanner.cli.exits", "scanner.cli.main"),
    ("trainer.data.examples", "trainer.data.images"),
]


def spoil(house: Path, arrows: Iterable[tuple[str, str]]) -> None:
    """Add imports, every second of them inside a function."""
    for number, (module, other) in enumerate(arrows):
        place = "def late() -> None:\n    " if number % 2 else ""
        add(house / f"{module.replace('.', '/')}.py", f"{place}import {other}")


def test_arrows_that_run_up_are_told(house: Path) -> None:
    spoil(house, [(module, other) for module, other, _ in FORBIDDEN])
    done = checked(house)
    assert done.returncode == 1, done.stdout + done.stderr
    for module, other, contract in FORBIDDEN:
        assert re.search(rf"^{contract}.* BROKEN$", done.stdout, re.M), done.stdout
        assert re.search(rf"{module} -> {other}\b", done.stdout), done.stdout
    for package, floor in (("trainer", "scanner.workers"), ("export", "scanner.scan")):
        assert f"{package} is not allowed to import {floor}:" in done.stdout


def test_circles_are_told(house: Path) -> None:
    spoil(house, CIRCLES)
    done = checked(house)
    assert done.returncode == 1, done.stdout + done.stderr
    assert re.findall("^(.*) BROKEN$", done.stdout, re.M) == ["No circle, at any depth"]
    details = done.stdout.partition("Broken contracts")[2]
    for module, _ in CIRCLES:
        assert module.rpartition(".")[0] in details


def test_a_module_on_no_floor_is_told(house: Path) -> None:
    (house / "scanner/new.py").touch()
    done = checked(house)
    assert done.returncode == 1
    assert "scanner.new" in done.stdout


def test_the_page_for_contributors_draws_the_layers_as_they_are() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
    by_name = {contract["id"]: contract for contract in contracts["contracts"]}
    floors = [set(floor.split(" | ")) for floor in by_name["scanner"]["layers"]]
    page = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    drawing = page.split("```text\n")[1].split("```")[0]
    drawn = [set(re.split(" {2,}", line)[0].split(" | ")) for line in drawing.splitlines()]
    assert drawn == floors


def imported(module: str) -> set[str]:
    """The scanner's modules that are loaded once `module` is."""
    program = f"import sys, {module}\nprint(*(m for m in sys.modules if m.startswith('scanner.')))"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        encoding="utf-8",
        timeout=HANG_GUARD,
        check=True,
    )
    return set(done.stdout.split())


FORMATS = {kind.__name__ for kind in CONTAINERS}
# A zip behind other content is read by the module for zips.
BUILT_ON = {"scanner.containers.appended_zip": {"scanner.containers.zip"}}


@pytest.mark.parametrize("module", sorted(FORMATS))
def test_a_format_loads_no_other(module: str) -> None:
    allowed = {module} | BUILT_ON.get(module, set())
    assert imported(module) & FORMATS == allowed


def test_what_little_a_format_and_the_opener_of_files_load() -> None:
    assert imported("scanner.files") == {"scanner.files"}
    assert imported("scanner.containers.tar") == {
        "scanner.limits",
        "scanner.record",
        "scanner.containers",
        *(f"scanner.containers.{name}" for name in ("tar", "container", "budget", "expanded")),
    }
