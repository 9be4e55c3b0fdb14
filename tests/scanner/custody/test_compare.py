"""A comparison must name every file that differs, and never blame a file that did not change."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from scanner.custody.compare import Comparison
from scanner.custody.manifest import manifest_path, write_manifest
from scanner.record import Origin, Record, Status, Verdict
from scanner.reports import write_report
from scanner.reports.read import ReadError

SCORED = Record(
    path="b.jpg", position=0, sha256="ab" * 32, sha1=None, md5=None, known=None,
    pdq=None, similar=None, bytes=5, format="JPEG",
    name_mismatch=None, width=32, height=32, page=1, frames=1, status=Status.SCORED,
    verdict=Verdict.FAKE, origin=None,
    p_fake=0.99, confidence=0.99, llr=2.0, logit=4.0, reason=None, checks=None, evidence=None,
    error=None,
    model="m@1",
)  # fmt: skip
TIMED_OUT = replace(
    SCORED, sha256=None, bytes=None, format=None, width=None, height=None, page=None, frames=None,
    status=Status.TIMEOUT, verdict=None, p_fake=None, confidence=None, llr=None, logit=None,
    error="decoding took longer than the limit of 60 seconds",
)  # fmt: skip


def _compare(
    folder: Path, a: Iterable[Record], b: Iterable[Record]
) -> tuple[Comparison, list[str]]:
    first, second = folder / "a.csv", folder / "b.json"
    write_report(first, a, {})
    write_report(second, b, {})
    comparison = Comparison(first, second)
    return comparison, list(comparison.differences())


def test_the_same_records_in_another_format_are_the_same(tmp_path: Path) -> None:
    rows = [SCORED, replace(SCORED, path="c.zip!/a", position=1), replace(TIMED_OUT, path="d")]
    comparison, lines = _compare(tmp_path, rows, rows)
    assert comparison.same
    assert lines == []
    assert next(comparison.summary()).startswith("3 rows in both, 0 of them changed; 0 only")


def test_files_of_one_report_alone_are_named_wherever_they_stand(tmp_path: Path) -> None:
    names = "abcdef"
    rows = {name: replace(SCORED, path=name) for name in names}
    comparison, lines = _compare(
        tmp_path, [rows[name] for name in "abde"], [rows[name] for name in "bcdf"]
    )
    a, b = comparison.a, comparison.b
    assert lines == [f"a: only in {a}", f"c: only in {b}", f"e: only in {a}", f"f: only in {b}"]
    assert (comparison.both, comparison.removed, comparison.added) == (2, 2, 2)
    assert not comparison.same


@pytest.mark.parametrize(("first", "second"), [([], [SCORED]), ([SCORED], [])])
def test_one_report_may_be_empty(tmp_path: Path, first: list[Record], second: list[Record]) -> None:
    assert len(_compare(tmp_path, first, second)[1]) == 1


def test_a_changed_file_is_told_by_its_hash_and_what_came_of_it(tmp_path: Path) -> None:
    changed = replace(SCORED, sha256="cd" * 32, verdict=Verdict.REAL, p_fake=0.01, logit=-4.5)
    comparison, (line,) = _compare(tmp_path, [SCORED], [changed])
    assert line == (
        f"b.jpg: file changed: sha256 {'ab' * 32} → {'cd' * 32}; verdict fake → real; "
        "p_fake 0.99 → 0.01 (-0.98); logit 4.0 → -4.5 (-8.5)"
    )
    assert comparison.unexplained == 0


def test_a_changed_model_is_counted_once_and_named_as_the_cause(tmp_path: Path) -> None:
    others = [replace(SCORED, path=name, model="m@2") for name in ("b.jpg", "c.jpg")]
    others[1] = replace(others[1], logit=4.25)
    comparison, lines = _compare(tmp_path, [SCORED, replace(SCORED, path="c.jpg")], others)
    assert lines == ["c.jpg: model changed: logit 4.0 → 4.25 (+0.25)"]
    assert not comparison.same
    assert "the model changed from m@1 to m@2 for 2 rows" in list(comparison.summary())
    assert comparison.unexplained == 0


def test_a_score_that_moved_without_a_cause_is_counted(tmp_path: Path) -> None:
    comparison, lines = _compare(tmp_path, [SCORED], [replace(SCORED, logit=4.00001)])
    assert lines == ["b.jpg: logit 4.0 → 4.00001 (+1e-05)"]
    assert "1 of them though neither file nor model changed" in list(comparison.summary())


def test_a_file_that_could_not_be_read_once_has_not_changed(tmp_path: Path) -> None:
    comparison, (line,) = _compare(tmp_path, [TIMED_OUT], [SCORED])
    assert line.startswith("b.jpg: sha256 none → ab")
    assert "status timeout → scored" in line
    assert "error decoding took longer" in line
    assert comparison.unexplained == 1


@pytest.mark.parametrize("column", ["sha1", "md5", "pdq"])
def test_hashes_that_one_scan_did_not_take_are_no_difference(tmp_path: Path, column: str) -> None:
    one, other = (Record(**vars(SCORED) | {column: digits * 16}) for digits in ("ab", "cd"))
    assert _compare(tmp_path, [SCORED], [one])[0].same
    assert not _compare(tmp_path, [one], [other])[0].same


@pytest.mark.parametrize("suffix", ["csv", "json"])
def test_a_column_that_an_older_report_lacks_is_no_difference(tmp_path: Path, suffix: str) -> None:
    """Nor is it one in the other direction; what both have is compared."""
    older, newer = tmp_path / f"older.{suffix}", tmp_path / "newer.csv"
    said = replace(SCORED, origin=Origin.AI_DECLARED)
    write_report(newer, [said, replace(said, path="c.jpg", p_fake=0.5)], {})
    write_report(older, [said, replace(said, path="c.jpg")], {})
    if suffix == "csv":
        pd.read_csv(older).drop(columns="origin").to_csv(older, index=False)
    else:
        older.write_text(older.read_text().replace('"origin": "ai_declared", ', ""))
    for pair in ((older, newer), (newer, older)):
        comparison = Comparison(*pair)
        (line,) = comparison.differences()
        assert f"only {newer} has the column origin" in next(comparison.summary())
        assert "p_fake" in line
        assert "origin" not in line
    assert "origin" in newer.read_text()


def test_hostile_and_long_values_stay_on_one_readable_line(tmp_path: Path) -> None:
    hostile = replace(SCORED, error="\x1b[2J\nfake line: intact", evidence="x" * 100_000)
    _, (line,) = _compare(tmp_path, [SCORED], [hostile])
    assert "\n" not in line
    assert "\x1b" not in line
    assert len(line) < 500


def test_members_of_one_name_are_told_apart(tmp_path: Path) -> None:
    twins = [replace(SCORED, path="a.zip!/x", position=number) for number in (1, 2)]
    changed = [twins[0], replace(twins[1], format="PNG")]
    _, lines = _compare(tmp_path, twins, changed)
    assert lines == ["a.zip!/x (member 2): format JPEG → PNG"]


def test_the_order_is_the_reports_own_also_beyond_ascii(tmp_path: Path) -> None:
    # In UTF-16's order the last two would change places.
    rows = [replace(SCORED, path=path) for path in ("B", "a", "é", "\ufffd", "😀")]
    assert _compare(tmp_path, rows, rows)[0].same


def test_a_report_in_another_order_is_refused(tmp_path: Path) -> None:
    rows = [replace(SCORED, path=path) for path in "acb"]
    with pytest.raises(ReadError, match="not ordered by path, as imgscan writes it, at b"):
        _compare(tmp_path, rows, rows)


def test_the_manifests_tell_what_may_have_moved_a_score(tmp_path: Path) -> None:
    comparison, _ = _compare(tmp_path, [SCORED], [replace(SCORED, logit=4.1)])
    assert list(comparison.summary())[-1].endswith("beside the first report of each scan")
    model = {"name": "m", "provider": "CPU", "batch": 8, "verdicts": {"fake": 1}}
    facts: dict[str, Any] = {
        "models": [model],
        "started": "1",
        "libraries": {"pillow": "12", "x": "1"},
    }
    write_manifest(facts, [comparison.a], None)
    moved = model | {"provider": "CUDA", "batch": 9, "verdicts": {"fake": 2}}
    changed = {"models": [moved], "started": "2", "libraries": {"pillow": "13", "x": "1"}}
    write_manifest(changed, [comparison.b], None)
    assert differing(comparison) == ["libraries pillow 12 → 13", "models m provider CPU → CUDA"]


def test_a_moved_bound_of_a_model_is_told(tmp_path: Path) -> None:
    """The card beside an engine may change while the engine, and so its hash, stays."""
    comparison, _ = _compare(tmp_path, [SCORED], [replace(SCORED, verdict=Verdict.INCONCLUSIVE)])
    model = {"name": "m", "false_positive_rate": 0.01, "false_negative_rate": 0.01}
    write_manifest({"models": [model | {"ood_at_most": 2.5}]}, [comparison.a], None)
    moved = model | {"ood_at_most": None, "false_negative_rate": 0.05}
    write_manifest({"models": [moved]}, [comparison.b], None)
    assert differing(comparison) == [
        "models m false_negative_rate 0.01 → 0.05",
        "models m ood_at_most 2.5 → none",
    ]


def differing(comparison: Comparison) -> list[str]:
    """What the manifests are said to differ in."""
    start = "the manifests differ: "
    return [line.removeprefix(start) for line in comparison.summary() if line.startswith(start)]


def test_a_report_of_before_is_held_against_one_of_several_models(tmp_path: Path) -> None:
    """It names its one model in every row and by itself in the manifest."""
    note = replace(TIMED_OUT, path="a note", status=Status.NOT_IMAGE, error="no image")
    unjudged = [note, replace(TIMED_OUT, path="c.jpg")]
    now = [replace(row, model=None) for row in unjudged]
    rows = sorted([SCORED, *unjudged], key=lambda row: row.path)
    comparison, lines = _compare(tmp_path, rows, sorted([SCORED, *now], key=lambda row: row.path))
    assert comparison.same
    assert lines == []

    comparison, lines = _compare(tmp_path, rows, [replace(SCORED, logit=4.1)])
    causes = {
        "domain": {"description": "d", "min_side": 32, "max_side": 32},
        "false_positive_rate": 0.01,
        "provider": "CPU",
        "precision": "float32",
    }
    named = {"name": "m", "sha256": "1" * 64}
    write_manifest({"model": named, **causes}, [comparison.a], None)
    # It knew one error rate, for both classes, no bound and no second looks.
    since: dict[str, Any] = {"false_negative_rate": 0.01, "ood_at_most": None, "quality": None}
    since |= {"looks": []}
    same = named | causes | since | {"batch": 3, "verdicts": {}}
    write_manifest({"models": [same]}, [comparison.b], None)
    assert differing(comparison) == []
    write_manifest({"models": [same | {"precision": "int8"}]}, [comparison.b], None)
    assert differing(comparison) == ["models m precision float32 → int8"]


def test_a_picture_that_is_no_longer_judged_names_no_model(tmp_path: Path) -> None:
    """Its verdict stands, so that it changed is told."""
    outside = replace(SCORED, verdict=Verdict.INCONCLUSIVE, p_fake=None, confidence=None, llr=None)
    comparison, (line,) = _compare(tmp_path, [outside], [replace(outside, logit=None, model=None)])
    assert line == "b.jpg: model changed: logit 4.0 → none"
    assert "the model changed from m@1 to none for 1 rows" in list(comparison.summary())


LINE = {"path": "a", "position": 0, "status": "scored", "model": "m@1"}


@pytest.mark.parametrize(
    "line",
    [
        "[" * 100_000,
        json.dumps(LINE | {"path": ["a"]}),
        json.dumps(LINE | {"path": "\ud800"}),
        json.dumps(LINE | {"error": {"a": 1}}),
        json.dumps(LINE | {"status": ["scored"]}),
        json.dumps(LINE | {"position": 2**63}),
        json.dumps(LINE | {"bytes": 1.5}),
        json.dumps(LINE | {"bytes": float("inf")}),
        json.dumps(LINE | {"p_fake": "much"}),
        json.dumps(LINE | {"p_fake": [0.5]}),
    ],
)
def test_values_of_another_kind_are_refused(tmp_path: Path, line: str) -> None:
    for name in ("a.jsonl", "b.jsonl"):
        (tmp_path / name).write_text(f"{line}\n")
    with pytest.raises(ReadError, match="is no report of imgscan"):
        list(Comparison(tmp_path / "a.jsonl", tmp_path / "b.jsonl").differences())


def test_manifests_nested_without_end_are_not_compared(tmp_path: Path) -> None:
    comparison, _ = _compare(tmp_path, [SCORED], [replace(SCORED, logit=4.1)])
    nest = '{"a":' * 5000 + "1" + "}" * 5000
    for report, end in ((comparison.a, nest), (comparison.b, nest.replace("1", "2"))):
        manifest_path(report).write_text(f'{{"manifest": 1, "limits": {end}}}')
    assert list(comparison.summary())[-1].startswith("the scans' surroundings cannot be compared")


def test_memory_stays_flat(tmp_path: Path) -> None:
    def rows(verdict: Verdict) -> Iterator[Record]:
        return (replace(SCORED, path=f"{n:06}.jpg", verdict=verdict) for n in range(10_000))

    for name, verdict in (("a.csv", Verdict.FAKE), ("b.jsonl", Verdict.REAL)):
        write_report(tmp_path / name, rows(verdict), {})
    comparison = Comparison(tmp_path / "a.csv", tmp_path / "b.jsonl")
    tracemalloc.start()
    lines = sum(1 for _ in comparison.differences())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert lines == 10_000
    assert peak < 2**20  # the reports have 3.5 MB
