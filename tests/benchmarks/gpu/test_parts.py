"""Protects: a file that travels in parts is whole again or not there at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks.gpu.parts import PartsError, cut, join
from benchmarks.parts import main


def test_parts_make_the_file_again_wherever_they_lie(tmp_path: Path) -> None:
    original = tmp_path / "weights"
    original.write_bytes(os.urandom(10_500))
    first, second, output = tmp_path / "one", tmp_path / "two", tmp_path / "joined"
    first.mkdir()
    second.mkdir()
    manifest, *parts = cut(original, "model.pt", first, 1000)
    assert len(parts) == 11
    assert max(part.stat().st_size for part in parts) == 1000
    for part in parts[4:]:
        part.rename(second / part.name)
    join(manifest, [first, second], output)
    assert output.read_bytes() == original.read_bytes()
    output.unlink()
    (second / parts[7].name).write_bytes(b"\0" * 1000)
    with pytest.raises(PartsError, match=r"part07 is damaged"):
        join(manifest, [first, second], output)
    (second / parts[7].name).unlink()
    with pytest.raises(PartsError, match=r"part07 is missing"):
        join(manifest, [first, second], output)
    assert not output.exists()


def test_parts_are_cut_and_joined_by_hand(tmp_path: Path) -> None:
    original, folder = tmp_path / "weights.pt", tmp_path / "parts"
    original.write_bytes(os.urandom(2_500_000))
    cutting = ["cut", str(original), str(folder), "--mib", "1"]
    assert CliRunner().invoke(main, cutting).exit_code == 0
    assert len(list(folder.glob("*.part*"))) == 4, "three parts and the manifest"
    joining = ["join", str(folder), "--output", str(tmp_path / "again.pt")]
    assert CliRunner().invoke(main, joining).exit_code == 0
    assert (tmp_path / "again.pt").read_bytes() == original.read_bytes()
    result = CliRunner().invoke(main, ["join", str(tmp_path), "--output", "never"])
    assert result.exit_code == 1
    assert "0 files *.parts.json" in result.output
