"""Protects: work comes home from another machine whole or not at all, and within its limits."""

from __future__ import annotations

import json
import os
import subprocess
import tarfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks import parts
from benchmarks.gpu import __main__ as gpu
from benchmarks.gpu.__main__ import hand_over, main
from benchmarks.gpu.parts import PartsError, cut, join
from tests.pictures import write_pictures
from trainer.checkpoint import load_checkpoint


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
    assert CliRunner().invoke(parts.main, cutting).exit_code == 0
    assert len(list(folder.glob("*.part*"))) == 4, "three parts and the manifest"
    joining = ["join", str(folder), "--output", str(tmp_path / "again.pt")]
    assert CliRunner().invoke(parts.main, joining).exit_code == 0
    assert (tmp_path / "again.pt").read_bytes() == original.read_bytes()
    result = CliRunner().invoke(parts.main, ["join", str(tmp_path), "--output", "never"])
    assert result.exit_code == 1
    assert "0 files *.parts.json" in result.output


def test_what_does_not_fit_at_once_waits_for_the_next_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pending, first, second = tmp_path / "pending", tmp_path / "first", tmp_path / "second"
    for folder in (pending, first, second):
        folder.mkdir()
    monkeypatch.setattr(gpu, "PENDING", pending)
    monkeypatch.setattr(gpu, "LARGEST_HOME", 500)
    monkeypatch.setattr(gpu, "MOST_HOME", 300)
    (first / "log").write_bytes(b"x" * 50)
    for name, size in {"a": 100, "b": 100, "c": 100, "small": 10, "huge": 900}.items():
        (pending / name).write_bytes(b"x" * size)
    assert hand_over(first, count=4) == ["c", "huge"]
    assert {file.name for file in first.iterdir()} == {"log", "small", "a", "b"}
    assert hand_over(first, count=3) == ["c", "huge"], "it holds more than may come already"
    assert hand_over(second, count=4) == ["huge"]


def test_more_than_may_travel_is_refused_before_it_is_packed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packages, travel = tmp_path / "packages.tar.xz", tmp_path / "travel"
    packages.write_bytes(b"x" * 1000)
    tree = tmp_path / "tree"
    tree.mkdir()
    monkeypatch.chdir(tree)
    command = ["pack", str(travel), "--packages", str(packages)]
    assert "no copy of the repository" in CliRunner().invoke(main, command).output
    subprocess.run(["git", "init", "-q"], check=True)
    monkeypatch.setattr(gpu, "MOST_THERE", 999)
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 1
    assert "only 0 may travel" in result.output
    assert not travel.exists()
    monkeypatch.setattr(gpu, "MOST_THERE", 1000)
    assert CliRunner().invoke(main, command).exit_code == 0
    assert (travel / "packages.tar.xz").stat().st_size == 1000


def archive_of(path: Path, *names: str) -> None:
    with tarfile.open(path, "w:gz") as archive:
        for name in names:
            archive.addfile(tarfile.TarInfo(name))


@pytest.mark.parametrize(
    "name", ["trainer/finetune.py", "runs/../.git/hooks/pre-commit", "../escape", "/etc/passwd"]
)
def test_only_runs_and_figures_are_unpacked(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, come = tmp_path / "home", tmp_path / "come"
    home.mkdir()
    come.mkdir()
    monkeypatch.chdir(home)
    assert "nothing that a run" in CliRunner().invoke(main, ["unpack", str(come)]).output
    archive_of(come / "train.tar.gz", name)
    result = CliRunner().invoke(main, ["unpack", str(come)])
    assert result.exit_code == 1
    assert "which is not ours" in result.output
    assert list(home.iterdir()) == []


def test_what_came_home_damaged_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    come = tmp_path / "come"
    come.mkdir()
    archive_of(come / "train.tar.gz", "runs/tiny/config.json")
    whole = (come / "train.tar.gz").read_bytes()
    (come / "train.tar.gz").write_bytes(whole[: len(whole) // 2])
    result = CliRunner().invoke(main, ["unpack", str(come)])
    assert result.exit_code == 1
    assert "train.tar.gz is damaged" in result.output
    (come / "train.tar.gz").write_bytes(whole)
    (come / "tiny.pt.parts.json").write_text("{")
    result = CliRunner().invoke(main, ["unpack", str(come)])
    assert result.exit_code == 1
    assert "tiny.pt.parts.json is damaged" in result.output
    (come / "tiny.pt.parts.json").rename(come / "...pt.parts.json")
    assert "is of no run" in CliRunner().invoke(main, ["unpack", str(come)]).output


def test_a_run_that_failed_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And what there is, its log above all, is handed over."""
    monkeypatch.chdir(tmp_path)
    command = "run train --travel . --device cpu --out out --minutes 0"
    result = CliRunner().invoke(main, command.split())
    assert result.exit_code == 1
    assert "these steps did not succeed: train" in result.output
    assert {file.name for file in (tmp_path / "out").iterdir()} == {"train.log", "train.tar.gz"}


def test_a_training_run_comes_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Packed, trained, handed over and unpacked in another folder, as on two machines."""
    data, there, home = tmp_path / "data", tmp_path / "there", tmp_path / "home"
    write_pictures(data, count=120, seed=51)
    for folder in (there, home):
        folder.mkdir()
    root = Path(parts.__file__).parent.parent
    monkeypatch.setenv("PYTHONPATH", str(root))
    monkeypatch.chdir(there)
    (there / "trainer").symlink_to(root / "trainer")
    (there / "scanner").symlink_to(root / "scanner")
    options = "--backbone bird_lotfi_cnn --weights none --image-size 32 --epochs 2"
    command = f"run train --travel . --data {data} --device cpu --out out --minutes 2 -- {options}"
    result = CliRunner().invoke(main, command.split(), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert "left for the next run: nothing" in result.output
    monkeypatch.chdir(home)
    result = CliRunner().invoke(main, ["unpack", str(there / "out")], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert load_checkpoint(home / "runs/bird_lotfi_cnn-paper").backbone == "bird_lotfi_cnn"
    kept = home / "results/gpu/bird_lotfi_cnn-paper"
    assert {"metrics.json", "metrics.csv", "loss.png"} <= {file.name for file in kept.iterdir()}
    record = json.loads((home / "results/gpu/train.json").read_text())
    assert record["steps"][0]["returncode"] == 0
    assert record["machine"]["cores"] >= 1
