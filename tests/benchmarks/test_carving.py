"""Protects: the benchmark of the search measures it, and counts what a scan really found."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks.carving import __main__ as speed
from benchmarks.carving import system
from benchmarks.carving.__main__ import WAYS, contents
from tests.conftest import image_bytes
from tests.scanner.carving.pictures import jpeg


def test_every_content_is_measured_in_every_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speed, "QUICK_BYTES", 8 << 20)
    monkeypatch.setattr(speed, "ROUNDS", 1)
    result = CliRunner().invoke(speed.main, ["--quick", "--output", str(tmp_path)])
    assert result.exit_code == 0, result.output
    rows = json.loads((tmp_path / "carving.json").read_text())["rows"]
    measured = {(row["content"], row["way"]) for row in rows}
    assert measured == {(it, way) for it in contents() for way in (*WAYS, "telling the kind")}
    assert all(row.get("MB/s", row.get("ms")) > 0 for row in rows)


def test_what_a_system_comes_to(tmp_path: Path) -> None:
    folder = tmp_path / "system"
    folder.mkdir()
    (folder / "program").write_bytes(b"\x7fELF" + bytes(999) + jpeg(1) + bytes(999))
    (folder / "text").write_bytes(b"a text")
    (folder / "a.png").write_bytes(image_bytes())
    (folder / "a.iso").write_bytes(b"xar!\0\x1c" + bytes(99))
    result = CliRunner().invoke(system.main, [str(folder), "--output", str(tmp_path)])
    assert result.exit_code == 0, result.output
    found = json.loads((tmp_path / "carving-system.json").read_text())
    searched, hurried = found["rows"]
    assert (searched["files"], hurried["files"]) == (4, 4)
    assert (searched["carved"], searched["carved and scored"], hurried["carved"]) == (1, 1, 0)
    for row in (searched, hurried):
        assert (row["scored"], row["unsupported"], row["encrypted"]) == (1, 1, 0)
    assert (searched["container"], searched["not_image"]) == (1, 1)
    assert (hurried["container"], hurried["not_image"]) == (0, 2)
    assert found["reasons"]["carving"] == {"a xar archive, which imgscan does not open": 1}
