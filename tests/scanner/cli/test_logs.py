"""Protects: what happened can be read afterwards, by a person and by a program."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path

from tests.scanner.scans import pictures, run


def test_a_log_of_json_lines(tmp_path: Path) -> None:
    evidence = pictures(tmp_path / "evidence", 3)
    (evidence / "broken.png").write_bytes((evidence / "0.png").read_bytes()[:300])
    log = tmp_path / "log.jsonl"
    ended = run(evidence, "--report", tmp_path / "report.csv", "--log", log, "--verbose")
    assert ended.returncode == 1
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    for line in lines:
        assert datetime.fromisoformat(line["time"]).utcoffset() == timedelta(0)
        assert line["message"] in ended.stderr
    begun, broken, *_, finished = lines
    assert begun["limits"]["depth"] == 8
    assert (begun["paths"], begun["evidence"]) == (1, [str(evidence)])
    assert (broken["level"], broken["path"], broken["status"]) == (
        "warning", "broken.png", "unreadable",
    )  # fmt: skip
    assert finished["statuses"] == {"scored": 3, "unreadable": 1}


def test_a_stop_is_logged(tmp_path: Path) -> None:
    evidence = pictures(tmp_path / "evidence", 1)
    log = tmp_path / "log.jsonl"
    ended = run(evidence, "--model", "nonesuch", "--log", log)
    assert ended.returncode == 2
    assert json.loads(log.read_text())["level"] == "error"


def test_logs_that_cannot_be_written(tmp_path: Path) -> None:
    evidence = pictures(tmp_path / "evidence", 1)
    inside = run(evidence, "--log", evidence / "log")
    assert inside.returncode == 2
    assert "lies inside the evidence" in inside.stderr
    assert not (evidence / "log").exists()
    nowhere = run(evidence, "--log", tmp_path / "nowhere" / "log")
    assert nowhere.returncode == 2
    assert "nowhere/log cannot be written: No such file" in nowhere.stderr
    if Path("/dev/full").exists():
        full = run(evidence, "--log", "/dev/full")
        assert full.returncode == 2
        assert (
            full.stderr == "Error: the log /dev/full cannot be written: No space left on device.\n"
        )
