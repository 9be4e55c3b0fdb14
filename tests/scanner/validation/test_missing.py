"""Protects: what was not examined is told, and never counted as what it may not be."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scanner.limits import Limits
from scanner.reports.read import read_records
from scanner.validation import validate
from tests.conftest import encoded
from tests.scanner.validation.conftest import asked, spot, validated
from tests.scanner.walking import COMPRESSIONS, tarred

pytestmark = pytest.mark.usefixtures("search_paths")


def test_further_pages_that_were_not_examined_are_told(looking_model: Path, tmp_path: Path) -> None:
    """Behind a first page that was: exit code 0 promises that none was left."""
    (tmp_path / "real").mkdir()
    more = [spot(9, 9, number) for number in range(Limits().pages)]
    pages = encoded(spot(9, 9, 99), "TIFF", save_all=True, append_images=more)
    (tmp_path / "real" / "pages.tiff").write_bytes(pages)
    report = tmp_path / "out.html"
    result = validate(asked(tmp_path / "real", report, looking_model))
    told = json.loads(report.with_suffix(".json").read_bytes())
    assert told["files"][0]["pictures"] == 1
    assert told["further_pages_not_examined"] == {"over_limit": 1}
    assert result.unexamined == 1
    assert "some were not examined: 1 over limit" in report.read_text()


def test_an_archive_that_breaks_off_is_told(looking_model: Path, tmp_path: Path) -> None:
    """Whatever labels it holds, those of the pictures that are missing are in no figure."""
    (tmp_path / "set").mkdir()
    members = [(f"real/{n}.png", encoded(spot(9, 9, n), "PNG")) for n in range(9)]
    cut = COMPRESSIONS["gz"](tarred(members))[:-2000]
    (tmp_path / "set" / "pack.tgz").write_bytes(cut)
    report = tmp_path / "out.html"
    result = validate(asked(tmp_path / "set", report, looking_model))
    told = json.loads(report.with_suffix(".json").read_bytes())
    assert told["unlabelled_not_examined"] == {"unreadable": 1}
    assert "Pictures may be missing" in report.read_text()
    assert result.unexamined >= 1
    assert 0 < told["files"][0]["pictures"] < 10


def test_a_labelled_archive_that_breaks_is_no_picture(looking_model: Path, tmp_path: Path) -> None:
    """It may hold thousands, so that counting it as one would make up a denominator."""
    (tmp_path / "set" / "real").mkdir(parents=True)
    members = [(f"{n}.png", encoded(spot(9, 9, n), "PNG")) for n in range(9)]
    cut = COMPRESSIONS["gz"](tarred(members))[:-2000]
    for name in ("big.tgz", "disguised.jpg"):
        (tmp_path / "set" / "real" / name).write_bytes(cut)
    (tmp_path / "set" / "real" / "broken.png").write_bytes(members[0][1][:200])
    (tmp_path / "set" / "real" / "unknown").write_bytes(members[0][1][:200])
    report = tmp_path / "out.html"
    result = validate(asked(tmp_path / "set", report, looking_model))
    photographs = json.loads(report.with_suffix(".json").read_bytes())["files"][0]
    assert photographs["not_opened_by_status"] == {"unreadable": 3}
    rows = read_records(report.with_suffix(".csv"))
    cut_off = sum("!/" in row.path and row.status == "unreadable" for row in rows)
    assert photographs["not_examined_by_status"] == {"unreadable": 1 + cut_off}
    assert result.unexamined == 4 + cut_off
    assert "Files among the photographs that may hold any number" in report.read_text()


def test_an_archive_that_opens_at_no_point_has_a_label_all_the_same(
    looking_model: Path, tmp_path: Path
) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "big.zip").write_bytes(b"PK\3\4" + bytes(99))
    told = validated(tmp_path / "real", tmp_path / "out.html", looking_model)
    assert told["files"][0]["pictures"] == 0
    assert told["files"][0]["not_opened_by_status"] == {"unreadable": 1}


def test_pictures_that_no_model_judges_are_told(looking_model: Path, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.png").write_bytes(encoded(spot(9, 9, 1).resize((9, 9)), "PNG"))
    told = validated(tmp_path / "real", tmp_path / "out.html", looking_model, 5)
    assert told["models"] == []
    assert told["files"][0]["called_rightly"]["count"] == 0
    assert "No model judged any" in (tmp_path / "out.html").read_text()


def test_pages_count_once_and_copies_are_told(looking_model: Path, tmp_path: Path) -> None:
    for label in ("real", "fake"):
        (tmp_path / "set" / label).mkdir(parents=True)
    first, second = spot(9, 9, 1), spot(255, 255, 2)
    pages = encoded(first.copy(), "TIFF", save_all=True, append_images=[second.copy()])
    (tmp_path / "set" / "real" / "pages.tiff").write_bytes(pages)
    for name in ("real/a.png", "real/b.png", "fake/c.png"):
        (tmp_path / "set" / name).write_bytes(encoded(second, "PNG"))
    told = validated(tmp_path / "set", tmp_path / "out.html", looking_model)
    assert told["models"][0]["photographs"] == 3
    assert (told["further_pages"], told["copies"], told["contradictory"]) == (1, 2, 3)
    assert "Some labels are wrong" in (tmp_path / "out.html").read_text()
