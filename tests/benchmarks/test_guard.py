"""Protects: the guard warns of what fell by more than noise, and never fails a build."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks import guard
from benchmarks.peers import contenders

STORED = {"of_ceiling": 0.9, "of_loop": 2.0}


def test_what_fell_is_named_with_both_figures() -> None:
    assert guard.verdict({"of_ceiling": 0.82, "of_loop": 1.7}, STORED) == (
        "WARNING: scans have become slower: scan : PyTorch DataLoader is 1.70, was 2.00"
    )


def test_noise_and_gains_are_no_warning() -> None:
    assert guard.verdict({"of_ceiling": 0.82, "of_loop": 3.0}, STORED) == (
        "scans are as fast as they were: scan : its ceiling is 0.82, was 0.90; "
        "scan : PyTorch DataLoader is 3.00, was 2.00"
    )


def test_a_round_that_was_disturbed_changes_no_ratio() -> None:
    quiet = {"scan_seconds": 2.0, "loop_seconds": 5.0, "rate": 18.0, "ceiling": 20.0}
    slow_scan = quiet | {"scan_seconds": 4.0, "rate": 7.0}
    slow_others = quiet | {"loop_seconds": 9.0, "ceiling": 11.0}
    for rows in ([quiet], [slow_scan, slow_others], [slow_others, quiet, slow_scan]):
        assert guard.ratios(rows) == {"of_ceiling": 0.9, "of_loop": 2.5}


def test_a_loop_that_fails_is_told_and_ends_with_0(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contenders, "LOOPS", tmp_path / "nowhere")
    monkeypatch.setattr(guard, "FILES", 6)
    result = CliRunner().invoke(guard.main, ["--output", str(tmp_path)])
    assert result.exit_code == 0
    assert result.output.startswith("the speed was not measured: the DataLoader loop failed")
    assert not list(tmp_path.iterdir())
