"""Protects: all evidence of the growth is seen, and each part's figures are those of its scans."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from benchmarks.scale import __main__ as command
from benchmarks.scale import evidence
from benchmarks.scale.measurements import Extent
from benchmarks.shared.process import ScanFailed, scan
from scanner.limits import Limits
from scanner.sources.found import Found
from scanner.sources.walk import walk
from tests.scanner.walking import content

TINY = Extent(
    rounds=1,
    files={1_000: 1},
    sizes={},
    workers=(),
    photographs=2,
    depths=(),
    members=0,
    waiting=90,
)


def measured(folder: Path, *parts: str) -> list[dict[str, Any]]:
    """The rows after a tiny run of these parts."""
    options = [word for part in parts for word in ("--part", part)]
    result = CliRunner().invoke(command.main, [*options, "--quick", "--output", str(folder)])
    assert result.exit_code == 0, result.output
    rows: list[dict[str, Any]] = json.loads((folder / "scale.json").read_text())["rows"]
    return rows


def test_a_part_measured_alone_leaves_the_others_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "QUICK", TINY)
    (scanned,) = measured(tmp_path, "files")
    assert (scanned["number"], scanned["files"]) == (1_000, 1_000)
    seconds = scanned["seconds"] - scanned["start_seconds"]
    assert scanned["files_per_second"] == pytest.approx(998 / seconds)
    assert scanned["peak_bytes"] > 0
    kept, *waited = measured(tmp_path, "first row")
    assert kept == scanned
    assert [(row["given"], row["files"]) for row in waited] == [("folder", 90), ("list", 90)]
    assert all(row["seconds"] > 0 for row in waited)
    assert len((tmp_path / "scale.md").read_text().splitlines()) == 5
    assert (tmp_path / "scale-growth.png").stat().st_size > 0


@pytest.mark.parametrize("depth", [0, 1, 4])
def test_nested_archives_hold_the_same_files(depth: int, tmp_path: Path) -> None:
    folder = evidence.make_nested(tmp_path / "evidence", 6, depth)
    met = list(walk([folder], Limits()))
    found = [entry for entry in met if isinstance(entry, Found) and not entry.fate]
    expected = dict(evidence.small_files(6))
    assert {entry.path.rpartition("/")[2]: content(entry) for entry in found} == expected
    assert all(entry.path.count("!/") == depth for entry in found)


def test_names_of_few_files_are_found_as_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evidence, "NAMES_A_FILE", 2)
    entries = list(walk([evidence.make_names(tmp_path / "evidence", 5)], Limits()))
    found = {entry.path: content(entry) for entry in entries if isinstance(entry, Found)}
    notes = [b"note 0\n", b"note 0\n", b"note 2\n", b"note 2\n", b"note 4\n"]
    assert [found[path] for path in sorted(found)] == notes


@pytest.mark.parametrize("files", [1, 45, 61])
def test_half_of_distinct_files_lie_in_archives(
    files: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evidence, "FILES_AN_ARCHIVE", 10)  # so that a few files fill several
    evidence.make_evidence(tmp_path / "evidence", files)
    entries = walk([tmp_path / "evidence"], Limits())
    found = [entry for entry in entries if isinstance(entry, Found) and not entry.fate]
    contents = {content(entry) for entry in found}
    assert len(found) == len(contents) == files
    in_archives = [entry for entry in found if isinstance(entry.source, bytes)]
    assert len(in_archives) == files - files // 2
    images = [entry for entry in found if entry.path.endswith(".png")]
    assert len(images) == -(-files // evidence.IMAGE_EVERY)


def test_a_missing_row_is_an_error(brightness_model: Path, tmp_path: Path) -> None:
    evidence.make_evidence(tmp_path / "evidence", 3)
    with pytest.raises(ScanFailed, match="wrote 3 rows for 4 files"):
        scan(tmp_path / "evidence", [tmp_path / "report.csv"], brightness_model, files=4)
