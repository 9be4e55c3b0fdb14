"""Protects: a scan killed at any moment is finished by the same command, byte for byte the same."""

from __future__ import annotations

from pathlib import Path

from benchmarks.kill import kill_scans, make_evidence

KILLS = 3  # python -m benchmarks.kill does 50


def test_killed_scans_end_in_the_undisturbed_report(tmp_path: Path) -> None:
    evidence = tmp_path / "evidence"
    make_evidence(evidence, images=60)
    outcomes = list(kill_scans(evidence, KILLS, seed=7))
    assert len(outcomes) == KILLS
    assert [moment for moment, _, same in outcomes if not same] == []
