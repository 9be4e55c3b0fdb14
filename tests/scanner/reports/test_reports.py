"""Protects: in every format, all names survive, reports are complete or absent, and memory flat."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
import weakref
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scanner.model import open_model
from scanner.model.verdict import Score, judge
from scanner.record import Record, Status, path_from_text
from scanner.reports import SUFFIXES, ReportError, check_report, write_report, writer
from scanner.scan.journal import Journal
from scanner.scan.records import records as records_of
from scanner.workers.examined import Examined
from tests.conftest import CIFAKE_MODEL
from tests.scanner.reports.html.reading import read as read_html


def csv_paths(path: Path) -> list[str]:
    with path.open(encoding="utf-8", newline="") as stream:
        cells = [row["path"] for row in csv.DictReader(stream, strict=True)]
    return [cell.removeprefix("'") for cell in cells]


def json_paths(path: Path) -> list[str]:
    return [file["path"] for file in json.loads(path.read_text("utf-8"))["files"]]


def jsonl_paths(path: Path) -> list[str]:
    return [json.loads(line)["path"] for line in path.read_text("utf-8").splitlines()]


def sqlite_paths(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as database:
        return [row[0] for row in database.execute("SELECT path FROM file")]


def case_paths(path: Path) -> list[str]:
    graph = json.loads(path.read_text("utf-8"))["@graph"]
    files = [node for node in graph if node["@type"] == "uco-observable:File"]
    return [file["uco-core:hasFacet"][0]["uco-observable:filePath"] for file in files]


def html_paths(path: Path) -> list[str]:
    return [card.fields["path"] for card in read_html(path).cards]


READERS: dict[str, Callable[[Path], list[str]]] = {
    ".csv": csv_paths,
    ".json": json_paths,
    ".jsonl": jsonl_paths,
    ".ndjson": jsonl_paths,
    ".sqlite": sqlite_paths,
    ".db": sqlite_paths,
    ".jsonld": case_paths,
    ".html": html_paths,
    ".htm": html_paths,
}

every_format = pytest.mark.parametrize("suffix", SUFFIXES)
# VICS has entries of bytes, and not of every row: test_vics.py.
every_format_of_rows = pytest.mark.parametrize("suffix", READERS)


@every_format_of_rows
def test_any_name_survives(
    suffix: str, tmp_path: Path, records: list[Record], names: list[str], facts: dict[str, Any]
) -> None:
    report = tmp_path / f"report{suffix}"
    write_report(report, records, facts)
    paths = READERS[suffix](report)
    assert paths == [record.path for record in records]
    assert set(names) <= {path_from_text(path) for path in paths}


@every_format
def test_same_records_give_same_bytes(
    suffix: str, tmp_path: Path, records: list[Record], facts: dict[str, Any]
) -> None:
    first, second = tmp_path / f"first{suffix}", tmp_path / f"second{suffix}"
    write_report(first, records, facts)
    (tmp_path / f".{second.name}.imgscan-partial").write_bytes(b"left by a killed scan")
    write_report(second, iter(records), facts)
    assert first.read_bytes() == second.read_bytes()
    assert sorted(tmp_path.iterdir()) == [first, second]


@every_format_of_rows
def test_no_records_is_a_report_too(suffix: str, tmp_path: Path) -> None:
    report = tmp_path / f"report{suffix}"
    write_report(report, [], {})
    assert READERS[suffix](report) == []


@every_format
def test_records_are_not_held(suffix: str, tmp_path: Path, record: Callable[..., Record]) -> None:
    alive: weakref.WeakSet[Record] = weakref.WeakSet()
    most = 0

    def stream() -> Iterator[Record]:
        nonlocal most
        for number in range(1_000):
            # Records compare by value; distinct ones are distinct members of the set.
            made = record(path=f"{number:04}.png")
            alive.add(made)
            most = max(most, len(alive))
            yield made

    write_report(tmp_path / f"report{suffix}", stream(), {})
    assert most <= 3


@every_format
def test_a_full_disk_leaves_the_old_report(
    suffix: str, tmp_path: Path, record: Callable[..., Record]
) -> None:
    resource = pytest.importorskip("resource")
    report = tmp_path / f"report{suffix}"
    report.write_bytes(b"old")
    endless = (record(path=f"{number:06}.png") for number in range(20_000))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64 * 1024, hard))
    try:
        with pytest.raises(ReportError, match="cannot be written"):
            write_report(report, endless, {})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert report.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [report]


@every_format
def test_an_interrupted_report_leaves_nothing(
    suffix: str, tmp_path: Path, record: Callable[..., Record]
) -> None:
    def interrupted() -> Iterator[Record]:
        yield record()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_report(tmp_path / f"report{suffix}", interrupted(), {})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", [".json", ".jsonl", ".jsonld"])
def test_json_is_strict(
    suffix: str, tmp_path: Path, records: list[Record], facts: dict[str, Any]
) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    report = tmp_path / f"report{suffix}"
    write_report(report, records, facts)
    text = report.read_bytes().decode("utf-8")
    documents = text.split("\n")[:-1] if suffix == ".jsonl" else [text]
    for document in documents:
        json.loads(document, parse_constant=refuse)
    with pytest.raises(ValueError, match="not JSON compliant"):
        writer(suffix)(io.BytesIO(), [replace(records[0], logit=float("nan"))], facts)


@pytest.mark.parametrize("logit", [float("nan"), float("inf"), float("-inf")])
def test_a_score_that_is_no_number_is_inconclusive(logit: float, tmp_path: Path) -> None:
    scored = Examined(
        Status.SCORED, sha256="ab" * 32, bytes=9, format="PNG", width=32, height=32, frames=1
    )
    journal = Journal(tmp_path / "journal")
    journal.begin({})
    model = open_model(CIFAKE_MODEL)
    score = Score(logit)
    journal.add("a.png", 0, scored, model.name, score, judge(score, model.card))
    report = tmp_path / "report.json"
    write_report(report, records_of(journal), {})
    journal.close()
    (row,) = json.loads(report.read_text("utf-8"))["files"]
    assert (row["verdict"], row["logit"], row["p_fake"]) == ("inconclusive", None, None)
    assert row["reason"] == "the model returned no number"


def test_every_format_of_rows_is_tested() -> None:
    assert {*SUFFIXES} - {*READERS} == {".vics.json"}


def test_an_unknown_suffix_names_the_known(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match=r"known: \.csv, .*\.jsonld, .*\.sqlite"):
        check_report(tmp_path / "report.xlsx")
