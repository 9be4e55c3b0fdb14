"""Protects: work comes home from another machine whole or not at all, and within its limits."""

from __future__ import annotations

import json
import subprocess
import tarfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks.gpu import travel
from benchmarks.gpu.__main__ import main
from benchmarks.gpu.travel import hand_over
from tests.conftest import ROOT
from tests.pictures import write_pictures
from trainer.checkpoint import load_checkpoint


def test_what_does_not_fit_at_once_waits_for_the_next_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pending, first, second = tmp_path / "pending", tmp_path / "first", tmp_path / "second"
    for folder in (pending, first, second):
        folder.mkdir()
    monkeypatch.setattr(travel, "PENDING", pending)
    monkeypatch.setattr(travel, "LARGEST_HOME", 500)
    monkeypatch.setattr(travel, "MOST_HOME", 300)
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
    packages, packed = tmp_path / "packages.tar.xz", tmp_path / "travel"
    packages.write_bytes(b"x" * 1000)
    tree = tmp_path / "tree"
    tree.mkdir()
    monkeypatch.chdir(tree)
    command = ["pack", str(packed), "--packages", str(packages)]
    assert "no copy of the repository" in CliRunner().invoke(main, command).output
    subprocess.run(["git", "init", "-q"], check=True)
    monkeypatch.setattr(travel, "MOST_THERE", 999)
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 1
    assert "only 0 may travel" in result.output
    assert not packed.exists()
    monkeypatch.setattr(travel, "MOST_THERE", 1000)
    assert CliRunner().invoke(main, command).exit_code == 0
    assert (packed / "packages.tar.xz").stat().st_size == 1000


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
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.chdir(there)
    (there / "trainer").symlink_to(ROOT / "trainer")
    (there / "scanner").symlink_to(ROOT / "scanner")
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
