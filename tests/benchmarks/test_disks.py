"""Protects: the benchmark of disk images scans the same files in a folder and in images."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks import disks


@pytest.mark.skipif(shutil.which("mke2fs") is None, reason="mke2fs is not installed")
def test_folder_and_image_are_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disks, "QUICK_BYTES", 8 << 20)
    monkeypatch.setattr(disks, "ROUNDS", 1)
    monkeypatch.setattr(disks, "MAKERS", {})
    result = CliRunner().invoke(disks.main, ["--quick", "--output", str(tmp_path)])
    assert result.exit_code == 0, result.output
    found = json.loads((tmp_path / "disks.json").read_text())
    assert [row["evidence"] for row in found["rows"]] == ["folder", "raw"]
    assert found["files"] > 5


def test_no_two_pictures_are_the_same(tmp_path: Path) -> None:
    count = disks.make_files(tmp_path / "folder", 4 << 20)
    contents = {path.read_bytes() for path in tmp_path.rglob("*.jpg")}
    assert len(contents) == count > 3
