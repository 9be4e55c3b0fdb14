"""Protects: the bundled models judge what is at hand as their figures promise, byte for byte."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path

import pytest

from scanner.looks import LOOKS
from scanner.model import INT8_ROWS, open_model
from scanner.record import Verdict
from scanner.reports.read import read_records
from scanner.scan import Request, run_scan
from tests.conftest import ROOT

PHOTOGRAPHS = "clip-vit-b16"

pytestmark = pytest.mark.usefixtures("search_paths")


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """The sample evidence's full-size pictures, with two small ones between them."""
    folder = tmp_path / "pictures"
    for name in ("photographs", "generated"):
        shutil.copytree(ROOT / "examples" / "evidence" / name, folder / name)
    small = sorted((ROOT / "examples" / "evidence" / "cifake").rglob("*.jpg"))[:2]
    for place, path in enumerate(small):
        shutil.copy(path, folder / "photographs" / f"clothing-04{place}-small.jpg")
    return folder


def test_photographs_and_fakes_are_told_apart_whatever_is_beside_them(
    pictures: Path, tmp_path: Path
) -> None:
    """By the file that is bundled; scores depend on no batch, worker or order."""
    first, other = tmp_path / "first.csv", tmp_path / "other.csv"
    run_scan(Request((pictures,), (first,), device="cpu", batch_size=1, workers=1))
    run_scan(Request((pictures,), (other,), device="cpu", batch_size=5, workers=2))
    assert first.read_bytes() == other.read_bytes()
    judged = [row for row in read_records(first) if (row.model or "").startswith(PHOTOGRAPHS)]
    verdicts = Counter((row.path.split("/")[0], row.verdict) for row in judged)
    assert verdicts["generated", Verdict.FAKE] >= 1
    assert verdicts["generated", Verdict.REAL] == verdicts["photographs", Verdict.FAKE] == 0
    assert verdicts["photographs", Verdict.REAL] >= 5
    for row in judged:
        checks = json.loads(row.checks or "")
        assert checks.keys() >= {"detail", "texture", "blocks", "seen", "ood"}
        assert (checks.keys() >= set(LOOKS)) == (row.verdict == Verdict.FAKE)
        # Of what is too close to call there is one, too.
        assert (row.p_fake is None) == (row.reason or "").startswith("the image is unlike")


def test_the_card_names_sources_licences_and_the_rates_on_strangers() -> None:
    card = open_model(PHOTOGRAPHS).card
    assert card.precision == INT8_ROWS
    assert "MIT" in card.licence
    assert {source.label for source in card.sources} == {"real", "fake"}
    assert sum(source.images for source in card.sources) == card.training["images"]
    assert all(source.licence and source.called_fake is not None for source in card.sources)
    default, loose, strict = card.operating_points
    assert [it.false_positive_rate for it in (default, loose, strict)] == [0.005, 0.01, 0.001]
    for point in (default, loose):
        low, high = point.test_false_positive_rate_interval
        assert low < point.test_false_positive_rate < high < point.false_positive_rate
    # Shown with the re-saved copies, too, so that the pictures as they are leave a wider interval.
    assert strict.test_false_positive_rate < strict.false_positive_rate
    found = [it.test_true_positive_rate for it in (strict, default, loose)]
    assert found == sorted(found)
    assert card.training["rates_too_low_to_be_shown"] == []
    assert (card.looks, card.outputs) == (tuple(LOOKS), ("logit", "ood"))
    notice = (ROOT / "NOTICE").read_text()
    assert PHOTOGRAPHS in notice
    assert "MIT License" in notice
