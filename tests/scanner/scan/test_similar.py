"""Protects: --pdq and --similar mark like pictures, page by page, and change nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from scanner.errors import ImgscanError
from scanner.record import Record, Status
from scanner.reports.read import read_records
from scanner.scan import Request, run_scan
from tests.conftest import encoded, image_bytes
from tests.scanner.hashes.pictures import scene

pytest.importorskip("pdqhash", reason="pdqhash, of the extra pdq, is missing")


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("evidence")
    (folder / "first.png").write_bytes(encoded(scene(1), "PNG"))
    (folder / "copy.jpg").write_bytes(encoded(scene(1).resize((640, 500)), "JPEG", quality=60))
    (folder / "other.png").write_bytes(encoded(scene(2), "PNG"))
    pages = [scene(3), scene(1)]
    tiff = encoded(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    (folder / "pages.tif").write_bytes(tiff)
    (folder / "grey.png").write_bytes(encoded(Image.new("RGB", (32, 32)), "PNG"))
    (folder / "broken.png").write_bytes(image_bytes("PNG")[:300])
    return folder


def scan(evidence: Path, report: Path, **options: Any) -> list[Record]:
    run_scan(Request((evidence,), (report,), device="cpu", workers=1, **options))
    return list(read_records(report))


def test_a_report_finds_copies_of_its_pictures(evidence: Path, tmp_path: Path) -> None:
    plain = scan(evidence, tmp_path / "plain.csv")
    hashed = scan(evidence, tmp_path / "hashed.jsonl", pdq=True)
    assert [replace(row, pdq=None) for row in hashed] == plain
    by_page = {(row.path, row.page): row for row in hashed}
    assert {place for place, row in by_page.items() if row.pdq} == {
        ("copy.jpg", 1), ("first.png", 1), ("other.png", 1), ("pages.tif", 1), ("pages.tif", 2),
    }  # fmt: skip
    assert by_page["pages.tif", 2].pdq == by_page["first.png", 1].pdq

    listed = tmp_path / "wanted.txt"
    listed.write_text(f"{by_page['first.png', 1].pdq}\n")
    marked = scan(evidence, tmp_path / "marked.csv", similar=(listed,))
    assert [replace(row, similar=None) for row in marked] == hashed
    found = {(row.path, row.page): row.similar for row in marked if row.similar}
    assert set(found) == {("copy.jpg", 1), ("first.png", 1), ("pages.tif", 2)}
    assert found["first.png", 1] == "wanted.txt: line 1, 0 of 256 bits differ"


def test_an_unreadable_picture_is_not_called_unlike(evidence: Path, tmp_path: Path) -> None:
    rows = {row.path: row for row in scan(evidence, tmp_path / "out.csv", pdq=True)}
    assert rows["broken.png"].status is Status.UNREADABLE
    assert rows["broken.png"].pdq is None


def test_what_was_looked_up_is_in_the_manifest(evidence: Path, tmp_path: Path) -> None:
    listed = tmp_path / "wanted.txt"
    listed.write_text("ab" * 32)
    scan(evidence, tmp_path / "out.csv", similar=(listed,))
    manifest = (tmp_path / "out.csv.manifest.json").read_text()
    assert '"similar":' in manifest
    assert '"name": "wanted.txt"' in manifest


def test_a_list_is_never_written_over(evidence: Path, tmp_path: Path) -> None:
    listed = tmp_path / "out.csv"
    listed.write_text("ab" * 32)
    with pytest.raises(ImgscanError, match="would replace"):
        scan(evidence, listed, similar=(listed,))
    assert listed.read_text() == "ab" * 32
