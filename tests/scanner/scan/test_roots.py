"""Protects: no file is met twice under one name, which would hide another's loss on resume."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from scanner.roots import Roots
from scanner.scan.places import OverlapError, PlaceError, check_outputs, check_roots
from tests.conftest import image_bytes, imgscan

pytestmark = pytest.mark.usefixtures("few_and_many")


@pytest.fixture
def evidence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that holds a/x.jpg, a/b/y.jpg, ab/z.jpg, and links to a/b and to a/b/y.jpg."""
    for name in ("a/x.jpg", "a/b/y.jpg", "ab/z.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(image_bytes())
    (tmp_path / "link").symlink_to("a/b")
    (tmp_path / "to-y").symlink_to("a/b/y.jpg")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("roots", "sentence"),
    [
        ("a a/b", "a/b lies in a"),
        ("a/b a", "a/b lies in a"),
        ("a link", "link lies in a"),
        ("a a/x.jpg", "a/x.jpg lies in a"),
        ("ab/../a ab a/b/y.jpg", "a/b/y.jpg lies in ab/../a"),
        ("a ab a", "a is named twice"),
        ("a/b link", "link and a/b are the same"),
        ("a/x.jpg ./a/../a/x.jpg", "a/../a/x.jpg and a/x.jpg are the same"),
        ("a/x.jpg ab/z.jpg a/x.jpg", "a/x.jpg is named twice"),
        ("a/b/y.jpg to-y", "to-y and a/b/y.jpg are the same"),
        ("to-y ab a/b/y.jpg", "a/b/y.jpg and to-y are the same"),
        ("missing missing", "missing is named twice"),
        ("missing missing/x", "missing/x lies in missing"),
    ],
)
def test_overlapping_roots_are_refused(roots: str, sentence: str, evidence: Path) -> None:
    with pytest.raises(OverlapError, match=sentence):
        check_roots(Roots([Path(root) for root in roots.split()]))


def test_roots_beside_each_other_are_fine(evidence: Path) -> None:
    os.link("a/x.jpg", "other name.jpg")
    roots = ("a/b", "a/x.jpg", "other name.jpg", "ab", "missing")
    check_roots(Roots([Path(root) for root in roots]))


@pytest.mark.skipif(os.name != "posix", reason="one root of all")
def test_the_root_of_all_may_be_scanned_but_not_written_to(evidence: Path) -> None:
    roots = Roots([Path("/")])
    check_roots(roots)
    with pytest.raises(PlaceError, match="lies inside the evidence /; write it elsewhere"):
        check_outputs([evidence / "r.csv"], roots, [])
    with pytest.raises(OverlapError, match="a lies in /"):
        check_roots(Roots([Path("/"), Path("a")]))


@pytest.mark.skipif(os.name != "posix", reason="folders right below the root of all")
@pytest.mark.parametrize("order", [1, -1])
def test_a_relative_root_beside_one_right_below_the_root_of_all_overlaps(
    order: int, evidence: Path
) -> None:
    with pytest.raises(OverlapError, match=r"a/x\.jpg lies in a"):
        check_roots(Roots([Path(name) for name in ("/etc", "a", "a/x.jpg")[::order]]))


def test_a_root_that_is_replaced_after_the_look_stays_what_it_was(evidence: Path) -> None:
    """One look decides: or what vanished since would be neither a folder nor a file."""
    roots = Roots([Path("a/b"), Path("link")])
    (evidence / "link").unlink()
    (evidence / "link").mkdir()
    with pytest.raises(OverlapError, match="link and a/b are the same"):
        check_roots(roots)


def test_the_user_is_told(evidence: Path) -> None:
    ended = imgscan("a", "a/b", "--report", "r.csv", cwd=evidence)
    assert ended.returncode == 2
    assert ended.stderr == (
        "Error: a/b lies in a, and its files would be met twice; name only one of them.\n"
    )
    assert not (evidence / "r.csv").exists()
