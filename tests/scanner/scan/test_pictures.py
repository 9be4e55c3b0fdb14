"""Protects: a report that shows pictures gets the right one for each row, and no record changes."""

from __future__ import annotations

import io
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from scanner.backends.choose import open_backend
from scanner.custody.manifest import manifest_path, read_manifest
from scanner.custody.verify import Weight, verify
from scanner.model import open_model
from scanner.record import Record, Status, Verdict
from scanner.reports.gallery import Picture
from scanner.reports.html import parts
from scanner.scan import scorers
from scanner.scan.journal import Journal
from scanner.scan.journal_file import JournalError
from scanner.scan.records import storable
from scanner.workers.examined import Examined
from tests.conftest import image_bytes, imgscan
from tests.scanner.dying import Dying
from tests.scanner.scan.showing import Shown, document, grey, scan
from tests.scanner.walking import zipped

pytestmark = pytest.mark.usefixtures("search_paths")

EXPLAIN = (Verdict.FAKE, Verdict.REAL)


def lay_out(evidence: Path) -> None:
    members = [("a.png", grey(40)), ("b.png", grey(200)), ("p.tiff", document(10))]
    files = {
        "a.png": grey(40),
        "twin of a.png": grey(40),
        "large.png": grey(90, 300),  # in no model's domain
        "pages.tiff": document(10, 120, 240),
        "pack.zip": zipped(members),
        "unknown.bin": b"nothing" + grey(70),
        "two.png": grey(25) + grey(220),
        "note.txt": b"text",
        "broken.png": image_bytes("PNG")[:300],
    }
    for name, data in files.items():
        (evidence / name).write_bytes(data)


def brightness(picture: Picture) -> float:
    with Image.open(io.BytesIO(picture.thumbnail)) as small:
        return float(np.asarray(small.convert("L")).mean())


def test_every_page_has_its_own_picture_wherever_it_lies(
    evidence: Path, brightness_model: Path, shown: Shown
) -> None:
    lay_out(evidence)
    scan(evidence, brightness_model, "out.html")
    levels = {place: brightness(picture) for place, picture in shown.items() if picture}
    expected = {
        ("a.png", 1): 40,
        ("twin of a.png", 1): 40,
        ("large.png", 1): 90,
        ("pages.tiff", 1): 10,
        ("pages.tiff", 2): 120,
        ("pages.tiff", 3): 240,
        ("pack.zip!/a.png", 1): 40,
        ("pack.zip!/b.png", 1): 200,
        ("pack.zip!/p.tiff", 1): 10,
        ("unknown.bin!/carved-7.png", 1): 70,
        ("two.png", 1): 25,
        (f"two.png!/carved-{len(grey(25))}.png", 1): 220,
    }
    assert levels == pytest.approx(expected, abs=3)
    without = {path for path, _ in shown.keys() - levels.keys()}
    assert without == {"pack.zip", "unknown.bin", "note.txt", "broken.png"}
    assert not any(picture.regions for picture in shown.values() if picture)


def test_pictures_are_kept_only_for_such_a_report_and_of_equal_bytes_once(
    evidence: Path, brightness_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[int] = []

    class Counting(Journal):
        def remove(self) -> None:
            (count,) = self._database.execute("SELECT count(*) FROM picture").fetchone()
            kept.append(count)
            super().remove()

    lay_out(evidence)
    monkeypatch.setattr("scanner.scan.run.Journal", Counting)
    scan(evidence, brightness_model, "out.csv")
    scan(evidence, brightness_model, "other.csv", "other.html")
    assert kept == [0, 10]


def test_no_record_changes_with_pictures(evidence: Path, brightness_model: Path) -> None:
    lay_out(evidence)
    (plain,) = scan(evidence, brightness_model, "plain.jsonl")
    more: list[dict[str, Any]] = [{}, {"explain": EXPLAIN}, {"explain": EXPLAIN, "workers": 1}]
    for number, values in enumerate(more):
        names = (f"{number}.html", f"{number}.jsonl")
        _, other = scan(evidence, brightness_model, *names, **values)
        assert other.read_bytes() == plain.read_bytes()


def test_the_manifest_lists_every_file_of_every_report(
    evidence: Path, brightness_model: Path, shown: Shown
) -> None:
    (evidence / "a.png").write_bytes(grey(40))
    report, _ = scan(evidence, brightness_model, "out.html", "out.json", blur=False)
    assert shown
    assert report.read_text().endswith("False")
    manifest = read_manifest(manifest_path(report))
    names = [item["name"] for item in manifest["reports"]]
    assert names == ["out.html", "out-2.html", "out.json"]
    assert manifest["explain"] == []

    def differs() -> list[str]:
        found = verify(report, None, [evidence])
        return [it.text for it in found if it.weight is Weight.DIFFERS]

    assert differs() == []
    second = report.with_name("out-2.html")
    second.write_text("something else")
    (said,) = differs()
    assert said.startswith(f"{second}: the report was changed")


def test_the_command_takes_both_options(
    evidence: Path, brightness_model: Path, tmp_path: Path
) -> None:
    (evidence / "a.png").write_bytes(grey(255))
    wanted = ["--explain", "real", "--explain", "fake", "--explain", "real", "--no-blur"]
    report = tmp_path / "out.htm"
    options: list[str | Path] = [
        "--report",
        report,
        "--model",
        brightness_model,
        "--device",
        "cpu",
        *wanted,
    ]
    done = imgscan(evidence, *options)
    assert (done.returncode, report.exists()) == (0, True), done.stderr
    assert read_manifest(manifest_path(report))["explain"] == ["fake", "real"]


def test_a_scan_with_another_choice_is_not_carried_on(
    evidence: Path, brightness_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its records would have no pictures, or not be explained."""
    (evidence / "a.png").write_bytes(grey(255))
    backend: Any = Dying(open_backend(open_model(str(brightness_model)), "cpu", 1, 1), 0)
    monkeypatch.setattr(scorers, "open_backend", lambda *_: backend)
    with pytest.raises(RuntimeError, match="died"):
        scan(evidence, brightness_model, "out.csv")
    with pytest.raises(JournalError, match="scan with another choice of an HTML report; repeat"):
        scan(evidence, brightness_model, "out.csv", "out.html")
    with pytest.raises(RuntimeError, match="died"):
        scan(evidence, brightness_model, "out.csv", "out.html", explain=EXPLAIN, fresh=True)
    with pytest.raises(JournalError, match="another choice of verdicts to explain; repeat"):
        scan(evidence, brightness_model, "out.csv", "out.html")
    backend.left = -1
    scan(evidence, brightness_model, "out.csv", "out.html", explain=(*EXPLAIN[::-1], *EXPLAIN))


def test_the_journal_keeps_the_picture_of_the_outcome_that_it_keeps(tmp_path: Path) -> None:
    """Of equal bytes the first is recorded, with or without a picture."""
    journal = Journal(tmp_path / "journal")
    journal.begin({})
    lost = Examined(Status.OVER_LIMIT, "no memory", "a" * 64, page=1)
    sound = Examined(Status.SCORED, sha256="a" * 64, page=1, thumbnail=b"webp", shown=(9, 9))
    other = Examined(Status.SCORED, sha256="b" * 64, page=2, thumbnail=b"png", shown=(9, 9))
    for name, examined in (("a", lost), ("b", sound), ("c", other)):
        journal.add(name, 0, storable(examined))
    values: dict[str, Any] = dict.fromkeys(Record.__dataclass_fields__)

    def picture(sha256: str | None, page: int | None) -> Picture | None:
        return journal.picture(Record(**values | {"sha256": sha256, "page": page}))

    assert picture("a" * 64, 1) is None
    assert picture("b" * 64, 2) == Picture(b"png")
    assert picture("b" * 64, 1) is picture("b" * 64, None) is picture(None, None) is None
    journal.remove()


def test_a_page_with_a_picture_can_be_stored() -> None:
    """And what no record can hold of it goes with its picture."""
    examined = Examined(
        Status.SCORED, sha256="a", page=1, thumbnail=bytes(range(256)), shown=(9, 9)
    )
    assert storable(examined) == examined
    spoilt = storable(replace(examined, format="\ud800"))
    assert (spoilt.status, spoilt.page, spoilt.thumbnail) == (Status.UNREADABLE, 1, None)


def test_the_pages_of_a_large_report_are_verified(
    evidence: Path, brightness_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the real report, which is small enough for a test if a page takes one row."""
    monkeypatch.setattr(parts, "MOST_ROWS", 1)
    lay_out(evidence)
    report, _ = scan(evidence, brightness_model, "z.html", "z.csv")
    pages = sorted(parts.folder_of(report).iterdir())
    assert len(pages) > 2
    assert not [it.text for it in verify(report, None, [evidence]) if it.weight]
    pages[1].write_text("changed")
    pages[2].unlink()
    shutil.copy(pages[0], pages[0].with_name("more.html"))
    found = [it.text for it in verify(report, None, [evidence]) if it.weight]
    assert sorted(text.split(":")[0] for text in found) == sorted(
        map(str, (*pages[1:3], pages[0].with_name("more.html")))
    )
