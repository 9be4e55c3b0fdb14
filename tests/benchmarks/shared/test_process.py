"""Protects: a measured command's memory counts its children, and its fate and words are kept."""

from __future__ import annotations

import sys

import pytest

from benchmarks.shared.process import run_measured

HELD_BYTES = 200 * 2**20
CHILD = f"import time; held = b'x' * {HELD_BYTES}; time.sleep(5)"
PARENT = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {CHILD!r}], check=True)"


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_peak_memory_counts_what_a_child_holds() -> None:
    ran = run_measured(python(PARENT))
    assert ran.returncode == 0, ran.error
    assert HELD_BYTES < ran.peak_bytes < 2 * HELD_BYTES


def test_the_return_code_and_all_of_standard_error_are_kept() -> None:
    code = "import sys; sys.stderr.write('é' * 10_000 + ' the reason'); sys.exit(7)"
    ran = run_measured(python(f"import sys; sys.stderr.reconfigure(encoding='utf-8'); {code}"))
    assert ran.returncode == 7
    assert ran.error == "é" * 10_000 + " the reason"


def test_a_command_may_keep_the_modules_it_compiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    ran = run_measured(python("import sys; sys.exit(sys.dont_write_bytecode)"))
    assert ran.returncode == 0
