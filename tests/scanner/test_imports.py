"""Protects: the scanner needs no training library, and its help needs no library at all."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import scanner
from tests.conftest import HANG_GUARD, environment

SOURCES = sorted(Path(scanner.__file__).parent.rglob("*.py"))
FORBIDDEN = {"torch", "torchvision", "onnx"}
OPTIONAL = {"dissect", "olefile", "rawpy"}  # which are extras of the installation


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        env=environment(),
        capture_output=True,
        encoding="utf-8",
        timeout=HANG_GUARD,
        check=False,
    )


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_no_module_names_a_training_library(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            names = [node.module or ""]
        assert not {name.partition(".")[0] for name in names} & FORBIDDEN


def test_every_module_imports_without_a_training_library_or_an_extra() -> None:
    root = Path(scanner.__file__).parent.parent
    modules = [
        ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
        for path in SOURCES
        if path.stem != "__main__"
    ]
    done = python(
        "import importlib, sys\n"
        f"sys.modules.update(dict.fromkeys({sorted(FORBIDDEN | OPTIONAL)}))\n"
        f"for name in {modules}: importlib.import_module(name)\n"
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "arguments", [["--help"], ["scan", "--help"], ["models", "--help"], ["validate", "--help"]]
)
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    done = python(
        "import sys\n"
        "from scanner.cli.main import main\n"
        f"main({arguments}, standalone_mode=False)\n"
        "heavy = {'onnxruntime', 'numpy', 'PIL', 'jinja2', 'tqdm', 'sqlite3', 'multiprocessing'}\n"
        f"print('HEAVY', sorted((heavy | {FORBIDDEN}) & sys.modules.keys()))\n"
    )
    assert done.stdout.splitlines()[-1] == "HEAVY []", done.stdout + done.stderr
