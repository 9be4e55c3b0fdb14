"""Protects: the large and the small scan see all their files, and their ratios are of one round."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks import scale
from benchmarks.shared.process import ScanFailed, scan
from scanner.limits import Limits
from scanner.sources.found import Found
from scanner.sources.walk import walk
from tests.scanner.walking import content

TINY = scale.Extent(rounds=1, small=20, large=90)


def test_sizes_and_ratios_are_those_of_the_scans(
    brightness_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scale, "QUICK", TINY)
    options = ["--quick", "--model", str(brightness_model), "--output", str(tmp_path)]
    result = CliRunner().invoke(scale.main, options)
    assert result.exit_code == 0, result.output
    facts = json.loads((tmp_path / "scale.json").read_text())
    small, large = facts["rows"]
    assert (small["size"], small["files"], large["size"], large["files"]) == (
        "small",
        TINY.small,
        "large",
        TINY.large,
    )
    for figure, ratio in facts["large_to_small"].items():
        assert ratio["median"] == pytest.approx(large[figure] / small[figure])
    for row in (small, large):
        assert row["files_per_second"] == pytest.approx(row["files"] / row["seconds"])
        assert row["json_bytes"] > row["csv_bytes"] > 0
    assert len((tmp_path / "scale.md").read_text().splitlines()) == 5
    assert (tmp_path / "scale-speed.png").stat().st_size > 0


@pytest.mark.parametrize("files", [1, 45, 61])
def test_half_of_distinct_files_lie_in_archives(
    files: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scale, "FILES_AN_ARCHIVE", 10)  # so that a few files fill several
    scale.make_evidence(tmp_path / "evidence", files)
    entries = walk([tmp_path / "evidence"], Limits())
    found = [entry for entry in entries if isinstance(entry, Found) and not entry.fate]
    contents = {content(entry) for entry in found}
    assert len(found) == len(contents) == files
    in_archives = [entry for entry in found if isinstance(entry.source, bytes)]
    assert len(in_archives) == files - files // 2
    images = [entry for entry in found if entry.path.endswith(".png")]
    assert len(images) == -(-files // scale.IMAGE_EVERY)


def test_a_missing_row_is_an_error(brightness_model: Path, tmp_path: Path) -> None:
    scale.make_evidence(tmp_path / "evidence", 3)
    with pytest.raises(ScanFailed, match="wrote 3 rows for 4 files"):
        scan(tmp_path / "evidence", [tmp_path / "report.csv"], brightness_model, files=4)
