"""Protects: a large case lies on several pages, whole, linked, hashed, and beside nothing else."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from scanner.files import partial_path
from scanner.record import Record, Status, Verdict
from scanner.reports import ReportError, check_report, write_report
from scanner.reports.html import parts
from scanner.reports.html.page import START
from scanner.reports.html.parts import PagesError, folder_of
from tests.scanner.reports.html.reading import read

EXTRA = 3  # fakes that a second page has to take
UNJUDGED = {"verdict": None, "origin": None, "p_fake": None, "evidence": None}
Make = Callable[..., Record]


@pytest.fixture
def large(record: Make, monkeypatch: pytest.MonkeyPatch) -> list[Record]:
    """More rows than a page takes, which here are few."""
    monkeypatch.setattr(parts, "MOST_ROWS", 50)
    rows = [record(path=f"{number:05}.png") for number in range(parts.MOST_ROWS + EXTRA)]
    rows.append(record(path="no.png", status=Status.TIMEOUT, error="too long", **UNJUDGED))
    rows.append(record(path="real.png", verdict=Verdict.REAL, origin=None))
    return rows


@pytest.fixture
def many(facts: dict[str, Any], large: list[Record]) -> dict[str, Any]:
    return facts | {"statuses": {Status.SCORED: len(large) - 1, Status.TIMEOUT: 1}}


def test_every_row_is_on_one_page(tmp_path: Path, large: list[Record], many: Any) -> None:
    report = tmp_path / "odd # name%20.html"
    files = write_report(report, large, many)
    folder = folder_of(report)
    names = ["fake-1.html", "fake-2.html", "real-1.html", "unexamined-1.html"]
    assert files == [report, *(folder / name for name in names)]
    assert sorted(tmp_path.iterdir()) == sorted([report, folder])
    found: Counter[str] = Counter()
    for page in files[1:]:
        cards = read(page).cards
        assert {card.group for card in cards} == {page.name.partition("-")[0]}
        found.update(card.fields["path"] for card in cards)
    assert found == Counter(record.path for record in large)
    whole = read(report)
    assert not whole.cards
    links = [unquote(it["href"]) for tag, it in whole.elements if tag == "a"]
    assert links[1:] == [f"{folder.name}/{name}" for name in names]
    (back,) = (
        unquote(it["href"])
        for tag, it in read(files[1]).elements
        if tag == "a" and ".." in it.get("href", "")
    )
    assert (folder / back).resolve() == report
    for page in files[1:]:
        assert hashlib.sha256(page.read_bytes()).hexdigest() in whole.text


def test_an_older_scans_pages_go(
    tmp_path: Path, large: list[Record], many: Any, facts: dict[str, Any]
) -> None:
    report = tmp_path / "report.html"
    first = write_report(report, large, many)
    texts = {path: path.read_bytes() for path in first}
    assert write_report(report, large, many) == first
    assert {path: path.read_bytes() for path in first} == texts, "the same bytes"
    check_report(report)
    assert write_report(report, large[:5], facts) == [report]
    assert list(tmp_path.iterdir()) == [report]


def test_an_interrupted_one_leaves_what_there_was(
    tmp_path: Path, large: list[Record], many: Any
) -> None:
    def interrupted() -> Iterator[Record]:
        yield from large
        raise KeyboardInterrupt

    report = tmp_path / "report.html"
    with pytest.raises(KeyboardInterrupt):
        write_report(report, interrupted(), many)
    assert not list(tmp_path.iterdir())
    files = write_report(report, large, many)
    texts = {path: path.read_bytes() for path in files}
    with pytest.raises(KeyboardInterrupt):
        write_report(report, interrupted(), many)
    assert {path: path.read_bytes() for path in files} == texts


@pytest.mark.parametrize("half_written", [False, True])
@pytest.mark.parametrize("kind", ["file", "link", "entry", "folder", "linked entry"])
def test_what_no_scan_left_is_not_touched(
    kind: str, half_written: bool, tmp_path: Path, large: list[Record], many: Any
) -> None:
    report, own = tmp_path / "report.html", tmp_path / "own"
    folder = partial_path(folder_of(report)) if half_written else folder_of(report)
    own.mkdir()
    (own / "fake-1.html").write_bytes(b"mine")
    if kind == "file":
        folder.write_bytes(b"mine")
    elif kind == "link":
        folder.symlink_to(own, target_is_directory=True)
    else:
        folder.mkdir()
        entry = folder / "fake-1.html"
        if kind == "entry":
            entry.write_bytes(b"mine")
        elif kind == "folder":
            entry.mkdir()
        else:
            entry.symlink_to(own / entry.name)
    before = sorted((path, path.is_symlink()) for path in tmp_path.rglob("*"))
    with pytest.raises(PagesError, match="was left by no scan"):
        check_report(report)
    with pytest.raises((PagesError, ReportError)):  # it came while the scan ran
        write_report(report, large, many)
    assert sorted((path, path.is_symlink()) for path in tmp_path.rglob("*")) == before
    assert (own / "fake-1.html").read_bytes() == b"mine"
    check_report(tmp_path / "report.csv")


def test_a_foreign_file_that_came_meanwhile_costs_no_older_page(
    tmp_path: Path, large: list[Record], many: Any
) -> None:
    report = tmp_path / "report.html"
    files = write_report(report, large, many)
    texts = {path: path.read_bytes() for path in files}
    (folder_of(report) / ".DS_Store").write_bytes(b"mine")
    with pytest.raises(PagesError, match=r"\.DS_Store was left by no scan"):
        write_report(report, large, many)
    assert {path: path.read_bytes() for path in files} == texts


def test_a_killed_scans_half_written_pages_are_in_nobodys_way(
    tmp_path: Path, large: list[Record], many: Any
) -> None:
    report = tmp_path / "report.html"
    left = partial_path(folder_of(report))
    left.mkdir()
    (left / "fake-1.html").write_text(START + "half")
    (left / "real-1.html").write_bytes(b"")
    check_report(report)
    write_report(report, large, many)
    assert sorted(tmp_path.iterdir()) == [report, folder_of(report)]
