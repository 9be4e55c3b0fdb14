"""Protects: whatever is found of a file, it has its row in every report, and costs no other."""

from __future__ import annotations

import dataclasses
import math
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner.backends.choose import open_backend
from scanner.limits import Limits
from scanner.model import open_model
from scanner.record import Origin, Record, Status
from scanner.reports import SUFFIXES, writable, write_report
from scanner.reports.read import READERS, read_records
from scanner.scan.journal import Journal
from scanner.scan.pipeline import Pipeline
from scanner.scan.records import records as scan_records
from scanner.scan.records import storable
from scanner.scan.scorers import Scorer
from scanner.scan.watcher import Progress
from scanner.workers.examined import Examined
from tests.conftest import image_bytes

TEXT = st.text(st.characters(), max_size=20) | st.sampled_from(["\ud800", "\0", "'", "=1", "\r\n"])
NUMBERS = st.integers(-(2**70), 2**70)
FLOATS = st.floats()
FACTS: dict[str, Any] = {"statuses": {}, "verdicts": {}}


def anything(kind: object) -> st.SearchStrategy[Any]:
    """Values of a field of Examined or Record, by its annotation."""
    name = str(kind)
    for part, strategy in (("float", FLOATS), ("int", NUMBERS), ("str", TEXT)):
        if part in name:
            return st.none() | strategy if "None" in name else strategy
    return st.none()


def fields(kind: type, *left_out: str) -> dict[str, st.SearchStrategy[Any]]:
    return {
        field.name: anything(field.type)
        for field in dataclasses.fields(kind)
        if field.name not in left_out
    }


EXAMINED = st.builds(
    Examined,
    status=st.sampled_from(sorted(set(Status) - {Status.SCORED})),
    sha256=st.none() | st.just("ab" * 32),
    further=st.just(()),
    **fields(Examined, "status", "sha256", "model", "further", "view"),
)
RECORDS = st.builds(
    Record,
    path=TEXT.map(lambda text: text or "x"),
    status=st.sampled_from(Status),
    verdict=st.none(),
    origin=st.none() | st.sampled_from(Origin),
    model=st.just("model@0123"),  # the scan's, not the file's
    **fields(Record, "path", "status", "verdict", "origin", "model"),
)
few = settings(max_examples=60, deadline=None, derandomize=True)


@few
@given(examined=EXAMINED)
def test_whatever_a_worker_answers_can_be_stored(examined: Examined) -> None:
    with closing(sqlite3.connect(":memory:")) as database:
        values = [
            value
            for name, value in vars(storable(examined)).items()
            if name not in ("view", "further")
        ]
        marks = ", ".join("?" for _ in values)
        assert len(database.execute(f"SELECT {marks}", values).fetchone()) == len(values)
    assert storable(examined).sha256 == examined.sha256


@few
@pytest.mark.parametrize("suffix", SUFFIXES)
@given(records=st.lists(RECORDS, max_size=3))
def test_whatever_a_record_says_every_report_can_hold(
    suffix: str, records: list[Record], tmp_path_factory: pytest.TempPathFactory
) -> None:
    report = tmp_path_factory.mktemp("reports") / f"out{suffix}"
    unique = list({(r.path, r.position): r for r in map(writable, records)}.values())
    write_report(report, unique, FACTS)
    if suffix in READERS:
        assert len(list(read_records(report))) == len(unique)


def test_what_cannot_be_reported_says_so(tmp_path: Path) -> None:
    nothing: dict[str, Any] = {field.name: None for field in dataclasses.fields(Record)}
    row = nothing | {"path": "a", "position": 0, "status": Status.NOT_IMAGE, "model": "m"}
    good = Record(**row)
    bad = {"p_fake": math.nan, "bytes": 2**63, "evidence": "\udcff", "path": "\udcff"}
    rows = [Record(**row | {"position": n, name: bad[name]}) for n, name in enumerate(bad, 1)]
    for suffix in SUFFIXES:
        report = tmp_path / f"out{suffix}"
        write_report(report, [good, *rows], FACTS)
        if suffix in READERS:
            first, *others = read_records(report)
            assert first == good
            assert {other.status for other in others} == {Status.UNREADABLE}
            for name, other in zip(bad, others, strict=True):
                assert f"cannot be reported: its {name} is" in (other.error or "")


def test_an_answer_that_no_record_can_hold_costs_its_own_file(
    tmp_path: Path, brightness_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through the whole pipeline: workers, scores, journal, report."""
    evidence = tmp_path / "evidence"
    evidence.mkdir()
    for n in range(4):
        (evidence / f"{n}.jpg").write_bytes(image_bytes(seed=n))
    model = open_model(str(brightness_model))
    journal = Journal(tmp_path / "x.journal")
    journal.begin({})
    scorer = Scorer(model, open_backend(model, "cpu", 1, batch_size=2))
    pipeline = Pipeline([evidence], [scorer], journal, Limits(), workers=1)
    take = pipeline._take
    oddities: dict[str, dict[str, Any]] = {
        "1.jpg": {"frames": 2**64},
        "2.jpg": {"evidence": "\ud800"},
    }

    def take_with_oddities(found: Any, examined: Examined, *rest: Any) -> None:
        take(found, dataclasses.replace(examined, **oddities.get(found.path, {})), *rest)

    monkeypatch.setattr(pipeline, "_take", take_with_oddities)
    pipeline.run(lambda _: None)
    records = {record.path: record for record in scan_records(journal)}
    statuses = {path: record.status for path, record in records.items()}
    assert statuses == {
        "0.jpg": Status.SCORED, "1.jpg": Status.UNREADABLE, "2.jpg": Status.UNREADABLE,
        "3.jpg": Status.SCORED,
    }  # fmt: skip
    assert records["1.jpg"].error == (
        "what was found of it cannot be recorded: its frames is no number of 64 bits"
    )
    assert records["2.jpg"].sha256 is not None
    assert pipeline.progress == Progress(files=4, fakes=pipeline.progress.fakes, unexamined=2)
