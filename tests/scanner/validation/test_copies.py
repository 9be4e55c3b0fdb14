"""Protects: copies of pictures, which may be such as nobody should have, are left nowhere."""

from __future__ import annotations

import os
import stat
from contextlib import closing
from pathlib import Path

import pytest

from scanner.scan.journal import Journal
from scanner.scan.journal_file import JournalError
from scanner.scan.places import PlaceError, journal_place
from scanner.validation import validate
from scanner.validation.copies import CopiesError, copies, copies_folder, copy_name
from scanner.validation.pictures import LabelError
from tests.scanner.validation.conftest import asked, write_labelled

pytestmark = pytest.mark.usefixtures("search_paths")


@pytest.mark.parametrize("flips", [0, 1])
def test_what_a_killed_validation_left_goes(
    flips: int, looking_model: Path, tmp_path: Path
) -> None:
    asks = asked(write_labelled(tmp_path / "set", 2), tmp_path / "out.html", looking_model, flips)
    folder = copies_folder(asks.scan)
    folder.mkdir()
    (folder / copy_name(3, "jpg")).write_bytes(b"a picture")
    validate(asks)
    assert asks.report.exists()
    assert not folder.exists()


def test_it_goes_before_anything_is_scanned(looking_model: Path, tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    asks = asked(tmp_path / "set", tmp_path / "out.html", looking_model)
    copies_folder(asks.scan).mkdir()
    with pytest.raises(LabelError):
        validate(asks)
    assert not copies_folder(asks.scan).exists()


@pytest.mark.parametrize("name", ["holiday.jpg", "imgscan-000001.jpg/deeper"])
def test_what_is_foreign_is_refused_and_stays(
    name: str, looking_model: Path, tmp_path: Path
) -> None:
    """Unlike the copies beside it."""
    asks = asked(write_labelled(tmp_path / "set", 2), tmp_path / "out.html", looking_model, 1)
    foreign = copies_folder(asks.scan) / name
    foreign.parent.mkdir(parents=True)
    foreign.write_bytes(b"mine")
    copy = copies_folder(asks.scan) / copy_name(0, "jpg")
    copy.write_bytes(b"a picture")
    with pytest.raises(CopiesError, match="left by no validation"):
        validate(asks)
    assert foreign.read_bytes() == b"mine"
    assert not copy.exists()
    assert not asks.scan.exists(), "refused before the scan"


def test_a_link_is_not_followed(looking_model: Path, tmp_path: Path) -> None:
    asks = asked(write_labelled(tmp_path / "set", 2), tmp_path / "out.html", looking_model, 1)
    mine = tmp_path / "mine" / copy_name(0, "jpg")
    mine.parent.mkdir()
    mine.write_bytes(b"mine")
    copies_folder(asks.scan).symlink_to(mine.parent)
    with pytest.raises(CopiesError, match="left by no validation"):
        validate(asks)
    assert mine.read_bytes() == b"mine"


def test_evidence_is_never_taken_for_copies(looking_model: Path, tmp_path: Path) -> None:
    report = tmp_path / "out.html"
    folder = copies_folder(report.with_suffix(".csv"))
    folder.mkdir()
    picture = folder / copy_name(0, "jpg")
    picture.write_bytes(b"evidence")
    for path, error in ((folder, PlaceError), (picture, CopiesError)):
        with pytest.raises(error, match=r"out\.csv\.copies"):
            validate(asked(path, report, looking_model))
    assert picture.read_bytes() == b"evidence"


@pytest.mark.skipif(os.name != "posix", reason="permissions of its own kind")
def test_only_the_owner_may_read_them_and_they_go(looking_model: Path, tmp_path: Path) -> None:
    request = asked(tmp_path / "set", tmp_path / "out.html", looking_model).request(0.01)

    def interrupted() -> None:
        with copies(request) as folder:
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
            (folder / copy_name(0, "png")).write_bytes(b"a picture")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []


def test_those_of_the_same_command_at_work_stay(looking_model: Path, tmp_path: Path) -> None:
    asks = asked(write_labelled(tmp_path / "set", 2), tmp_path / "out.html", looking_model, 1)
    folder = copies_folder(asks.scan)
    folder.mkdir()
    copy = folder / copy_name(0, "jpg")
    copy.write_bytes(b"a picture")
    with closing(Journal(journal_place(asks.request(0.01)))), pytest.raises(JournalError):
        validate(asks)
    assert copy.exists()
