"""Protects: names are bytes, and a report is the same whatever the locale of the terminal."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import HANG_GUARD, ROOT, image_bytes
from tests.scanner.walking import tarred

pytestmark = pytest.mark.skipif(os.name != "posix", reason="Windows has no bytes for names")

NAMES = ["é.jpg", "日本.jpg", "name-\udcff\udce9.jpg", "plain.jpg"]
OTHER = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}  # ASCII for names


@pytest.fixture
def evidence(tmp_path: Path) -> Path:
    folder = tmp_path / "Straße"
    folder.mkdir()
    try:
        for n, name in enumerate(NAMES):
            (folder / name).write_bytes(image_bytes(seed=n))
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    (folder / "a.tar").write_bytes(tarred([(f"ü{n}.jpg", image_bytes(seed=n)) for n in range(2)]))
    return folder


def run(arguments: list[str], cwd: Path, **variables: str) -> subprocess.CompletedProcess[bytes]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LC_")}
    kept.pop("PYTHONUTF8", None)
    return subprocess.run(
        [sys.executable, "-m", "scanner", *arguments],
        cwd=cwd,
        env=kept | {"PYTHONPATH": str(ROOT)} | variables,
        capture_output=True,
        timeout=HANG_GUARD,
        check=False,
    )


def test_reports_do_not_depend_on_the_locale(evidence: Path, tmp_path: Path) -> None:
    written = []
    for n, variables in enumerate(({"LC_ALL": "C.UTF-8"}, OTHER)):
        report = f"ø{n}.csv"
        arguments = [evidence.name, "--report", report, "--device", "cpu", "--known", "ü.txt"]
        (tmp_path / "ü.txt").write_text("ab" * 32)
        done = run(arguments, tmp_path, **variables)
        assert done.returncode == 0, done.stderr
        written.append((tmp_path / report).read_bytes())
        checked = run(["verify", report, "--evidence", evidence.name], tmp_path, **variables)
        assert checked.returncode == 0, checked.stdout
    assert written[0] == written[1]
    assert "\né.jpg,".encode() in written[0]
    across = run(["verify", "ø0.csv", "--evidence", evidence.name], tmp_path, **OTHER)
    assert across.returncode == 0, across.stdout
    compared = run(["compare", "ø0.csv", "ø1.csv"], tmp_path, **OTHER)
    assert compared.returncode == 0, compared.stderr
