"""Protects: a validation replaces nothing but what validations left, and clears up after itself."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

import pytest

from scanner.record import safe_text
from scanner.scan import Request, run_scan
from scanner.scan.journal import Journal
from scanner.scan.places import PlaceError, journal_place, remove_journal
from scanner.validation import Asked, validate
from scanner.validation.pictures import LabelError
from scanner.validation.run import ValidationError
from tests.conftest import encoded
from tests.scanner.validation.conftest import asked, spot, validated, write_labelled

pytestmark = pytest.mark.usefixtures("search_paths")


def test_without_labels_there_is_nothing_to_count(looking_model: Path, tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "a.png").write_bytes(encoded(spot(9, 9, 1), "PNG"))
    with pytest.raises(LabelError, match="named real"):
        validate(asked(tmp_path / "set", tmp_path / "out.html", looking_model))
    assert [path.name for path in tmp_path.iterdir()] == ["set"]
    (tmp_path / "set" / "a.png").unlink()
    write_labelled(tmp_path / "set", 3)
    validate(asked(tmp_path / "set", tmp_path / "out.html", looking_model))  # no journal is left


@pytest.mark.parametrize("name", ["out.csv", "out.json"])
def test_files_that_the_user_did_not_name_stay(
    name: str, labelled: Path, looking_model: Path, tmp_path: Path
) -> None:
    """--report known.html must not cost anybody a known.csv."""
    (tmp_path / name).write_text("path;mine\n")
    with pytest.raises(ValidationError, match=rf"{name} was left by no validation"):
        validate(asked(labelled, tmp_path / "out.html", looking_model))
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "path;mine\n"


def test_the_report_of_a_scan_stays(labelled: Path, looking_model: Path, tmp_path: Path) -> None:
    """It begins as the scan of a validation does, and may be a case."""
    report = tmp_path / "out.csv"
    run_scan(Request((labelled,), (report,), str(looking_model), device="cpu", workers=1))
    written = report.read_bytes()
    with pytest.raises(ValidationError, match=r"out\.csv was left by no validation"):
        validate(asked(labelled, tmp_path / "out.html", looking_model))
    assert report.read_bytes() == written


def test_a_validation_of_before_is_replaced(looking_model: Path, tmp_path: Path) -> None:
    folder = write_labelled(tmp_path / "set", 2)
    report = tmp_path / "out.html"
    validated(folder, report, looking_model)
    (folder / "real" / "group0" / "more.png").write_bytes(encoded(spot(9, 9, 1), "PNG"))
    assert validated(folder, report, looking_model)["models"][0]["photographs"] == 3


def test_the_journal_of_the_same_command_at_work_stays(labelled: Path, tmp_path: Path) -> None:
    """It may take the journal up once the scan is done, while copies are scanned."""
    request = Request((labelled,), (tmp_path / "out.csv",), keep_journal=True)
    with closing(Journal(journal_place(request))):
        remove_journal(request)
        assert journal_place(request).exists()
    remove_journal(request)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_written_among_the_pictures(
    labelled: Path, looking_model: Path, tmp_path: Path
) -> None:
    before = sorted(labelled.rglob("*"))
    with pytest.raises(PlaceError, match="inside the evidence"):
        validate(asked(labelled, labelled / "out.html", looking_model))
    (tmp_path / "out.json").symlink_to(labelled / "out.json")
    with pytest.raises(PlaceError, match="inside the evidence"):
        validate(asked(labelled, tmp_path / "out.html", looking_model))
    assert sorted(labelled.rglob("*")) == before


@pytest.mark.parametrize(
    ("name", "why"), [("out.csv", "does not end in .html"), ("d.html", "is a")]
)
def test_a_report_that_cannot_be_is_refused_at_once(name: str, why: str, tmp_path: Path) -> None:
    (tmp_path / "d.html").mkdir()
    with pytest.raises(ValidationError, match=why):
        Asked((tmp_path,), tmp_path / name)


def test_names_that_are_no_text_are_told_escaped(looking_model: Path, tmp_path: Path) -> None:
    """Folders and reports may be named in bytes that no page or JSON can hold."""
    folder = write_labelled(tmp_path / os.fsdecode(b"set\xff"), 2)
    report = tmp_path / os.fsdecode(b"out\xff.html")
    told = validated(folder, report, looking_model)
    assert told["labelled"] == [safe_text(str(folder))]
    assert told["scan"]["report"] == r"out\xff.csv"
    assert r"out\xff.json" in report.read_text(encoding="utf-8")
