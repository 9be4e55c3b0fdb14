"""Protects: the scanner's F1 is compared only where each image has a score."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.agreement import scanned
from benchmarks.shared.process import ScanFailed
from tests.conftest import image_bytes


def test_an_image_without_a_score_ends_the_comparison(
    brightness_model: Path, tmp_path: Path
) -> None:
    evidence, report = tmp_path / "evidence", tmp_path / "out.csv"
    evidence.mkdir()
    (evidence / "a.png").write_bytes(image_bytes("PNG"))
    rows, _ = scanned(evidence, report, str(brightness_model), "cpu", 1)
    assert len(rows) == 1
    (evidence / "b.png").write_bytes(image_bytes("PNG")[:300])
    with pytest.raises(ScanFailed, match="gave no score to 1 of 2 images"):
        scanned(evidence, report, str(brightness_model), "cpu", 2)
    with pytest.raises(ScanFailed, match="wrote 2 rows for 3 files"):
        scanned(evidence, report, str(brightness_model), "cpu", 3)
