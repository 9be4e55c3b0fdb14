"""Protects: imports run one way, from the table of layers in pyproject.toml, without a circle."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
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


@pytest.mark.parametrize(
    ("file", "line", "told"),
    [
        ("scanner/images/tiff.py", "from scanner.scan import watcher", "floors of the scanner"),
        (
            "scanner/paths.py",
            "def late():\n    from scanner import processes",
            "floors of the scanner",
        ),
        ("scanner/hashes/known.py", "from scanner.sources import found", "floors of the scanner"),
        ("scanner/containers/container.py", "from scanner.containers import zip", "No circle"),
        ("scanner/cli/exits.py", "def late():\n    from scanner.cli import main", "No circle"),
        ("scanner/model/card.py", "from trainer import recipe", "The packages"),
        ("trainer/recipe.py", "from scanner.workers import pool", "The trainer knows"),
        ("export/parity.py", "from scanner.scan import run", "The export knows"),
        ("scanner/new.py", "", "floors of the scanner"),
    ],
)
def test_an_arrow_that_runs_up_and_a_circle_are_told(
    file: str, line: str, told: str, house: Path
) -> None:
    (house / file).touch()
    add(house / file, line)
    done = checked(house)
    assert done.returncode == 1, done.stdout + done.stderr
    broken = re.findall("(.+) BROKEN", done.stdout)
    assert any(told in contract for contract in broken), done.stdout


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
