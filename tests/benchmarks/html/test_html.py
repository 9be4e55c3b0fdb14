"""Protects: what a report with pictures costs is measured on real scans, in a real browser."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks.html import cost, opening, screenshots
from benchmarks.shared.browser import why_none
from benchmarks.shared.pictures import photographs


def test_how_fast_it_opens(tmp_path: Path, brightness_model: Path) -> None:
    if reason := why_none():
        pytest.skip(reason)
    source = tmp_path / "pictures"
    (source / "deep").mkdir(parents=True)
    for number, data in enumerate(photographs(64, 48, 7)):
        (source / "deep" / f"{number}.jpg").write_bytes(data)
    words = [source, "--files", 5, "--rounds", 2, "--model", brightness_model]
    done = CliRunner().invoke(opening.main, [*map(str, words), "--output", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    found = json.loads((tmp_path / "out/html-opening.json").read_text())
    assert found["files"] == 5
    assert found["bytes"] > 10_000
    assert len(found["rows"]) == 2
    for row in found["rows"]:
        assert 0 < row["first_picture"] < 60, "in seconds"
        assert all(row[name] > 0 for name in opening.LABELS)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "pictures"]


def test_what_it_costs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def materials(data: Path, share: float) -> Iterator[tuple[str, list[bytes]]]:
        yield "tiny ones", list(photographs(64, 48, 3))

    monkeypatch.setattr(cost, "materials", materials)
    monkeypatch.setattr(cost, "FEW", 1)
    words = ["--rounds", "1", "--output", str(tmp_path)]
    done = CliRunner().invoke(cost.main, words)
    assert done.exit_code == 0, done.output
    *found, explained = json.loads((tmp_path / "html-cost.json").read_text())["rows"]
    assert [row["report"] for row in found] == [cost.CSV, cost.HTML]
    assert all(row["files_per_second"] > 0 and row["files"] == 3 for row in found)
    assert explained[cost.EXPLAINED] > explained[cost.HTML]


def test_the_picture_that_is_shown_is_there() -> None:
    assert (screenshots.EVIDENCE / screenshots.EXPLAINED).is_file()
