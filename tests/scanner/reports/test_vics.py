"""Protects: what goes to other tools names every picture by its hashes, and calls nothing clean."""

from __future__ import annotations

import io
import json
import tempfile
import tracemalloc
from collections.abc import Callable, Iterable
from typing import Any

from scanner.record import UNEXAMINED, Origin, Record, Status, Verdict
from scanner.reports import vics
from scanner.vics import is_vics, read_media


def written(records: Iterable[Record], facts: dict[str, Any]) -> bytes:
    stream = io.BytesIO()
    vics.write(stream, records, facts)
    return stream.getvalue()


def case_of(report: bytes) -> dict[str, Any]:
    document = json.loads(report)
    assert document["@odata.context"].endswith(
        "ProjectVic/DataModels/2.0.xml/CUSTOM/$metadata#Cases"
    )
    (case,) = document["value"]
    return dict(case)


def entry_of(report: bytes) -> dict[str, Any]:
    (media,) = case_of(report)["Media"]
    return dict(media)


def test_the_reader_gives_back_what_was_written(
    record: Callable[..., Record], facts: dict[str, Any]
) -> None:
    records = [
        record(path=f"{n}.jpg", sha256=f"{n:064x}", sha1=f"{n:040x}", md5=f"{n:032x}", known=None)
        for n in range(500)
    ]  # fmt: skip
    report = written(records, facts)
    assert is_vics(report[:8192])
    read = list(read_media(io.BytesIO(report)))
    hashes = [[it and it.lower() for it in (m.md5, m.sha1, m.sha256)] for m in read]
    assert hashes == [[r.md5, r.sha1, r.sha256] for r in records]


def test_every_record_with_a_hash_that_may_be_a_picture_is_there(
    records: list[Record], record: Callable[..., Record], facts: dict[str, Any]
) -> None:
    """The hostile names, too, each with what its row says."""
    apart = [
        Record(**vars(row) | {"sha256": row.sha256 and f"{n:064x}"})
        for n, row in enumerate(records)
    ]
    report = written(apart, facts)
    expected = {
        (row.sha256, row.path)
        for row in apart
        if row.sha256 and row.status in {Status.SCORED, *UNEXAMINED}
    }
    media = case_of(report)["Media"]
    found = {
        (entry["AlternativeHashes"][0]["HashValue"].lower(), file["FilePath"])
        for entry in media
        for file in entry["MediaFiles"]
    }
    assert found == expected
    assert [entry["MediaID"] for entry in media] == list(range(1, len(media) + 1))


def test_what_was_not_examined_says_so(
    record: Callable[..., Record], facts: dict[str, Any]
) -> None:
    for status in UNEXAMINED:
        row = record(status=status, verdict=None, origin=None, error="so", known=None, similar=None)
        entry = entry_of(written([row], facts))
        assert entry["Tags"] == f"imgscan:not_examined,imgscan:{status}"
        words = status.replace("_", " ")
        assert entry["Comments"] == f"Not examined ({words}): so. It may hold a picture."


def test_files_that_can_have_no_entry_are_counted(
    record: Callable[..., Record], facts: dict[str, Any]
) -> None:
    rows = [
        record(path="a", status=Status.UNREADABLE, sha256=None, md5=None),
        record(path="b", status=Status.KNOWN),
        record(path="c", status=Status.NOT_IMAGE),
        record(path="d", status=Status.CONTAINER),
    ]
    case = case_of(written(rows, facts))
    assert case["Media"] == []
    told = {it["PropertyName"]: it["PropertyValue"] for it in case["CaseMetadata"]}
    assert json.loads(told["imgscan files that have no entry"]) == {"unreadable": 1, "known": 1}
    assert "no ground for an accusation" in told["imgscan limits"]


def test_the_same_bytes_are_one_entry_with_all_their_files(
    record: Callable[..., Record], facts: dict[str, Any]
) -> None:
    rows = [
        record(path="a.jpg"),
        record(path="b.zip!/c/d.jpg", position=1),
        record(path="b.zip!/c/d.jpg", position=2),
    ]
    entry = entry_of(written(rows, facts))
    assert [(it["FileName"], it["FilePath"]) for it in entry["MediaFiles"]] == [
        ("a.jpg", "a.jpg"),
        ("d.jpg", "b.zip!/c/d.jpg"),
        ("d.jpg", "b.zip!/c/d.jpg"),
    ]


def test_two_contents_of_one_md5_stay_two(
    record: Callable[..., Record], facts: dict[str, Any]
) -> None:
    """MD5s can be made to agree, and the verdict on one must not become that on the other."""
    rows = [
        record(path="a", sha256="1" * 64, verdict=Verdict.FAKE),
        record(path="b", sha256="2" * 64, verdict=Verdict.REAL),
    ]
    media = case_of(written(rows, facts))["Media"]
    assert [entry["MD5"] for entry in media] == ["CD" * 16] * 2
    assert ["imgscan:fake" in entry["Tags"] for entry in media] == [True, False]


def test_pages_of_a_file_are_one_entry_with_what_each_says(
    record: Callable[..., Record], facts: dict[str, Any]
) -> None:
    rows = [
        record(page=1, frames=2, origin=Origin.AI_DECLARED, known=None, similar=None),
        record(page=2, frames=2, verdict=Verdict.REAL, origin=None, known=None, pdq=None),
    ]
    entry = entry_of(written(rows, facts))
    assert entry["Tags"] == "imgscan:fake,imgscan:ai_declared,imgscan:real,imgscan:similar"
    assert [line.split(":")[0] for line in entry["Comments"].split("\n")] == ["Page 1", "Page 2"]
    assert [it["HashName"] for it in entry["AlternativeHashes"]] == ["SHA256", "PDQ"]
    assert len(entry["MediaFiles"]) == 1


def test_nothing_is_put_into_a_category(records: list[Record], facts: dict[str, Any]) -> None:
    assert b'"Category"' not in written(records, facts)


def test_other_pictures_are_another_case(
    record: Callable[..., Record], facts: dict[str, Any]
) -> None:
    """Also where models and totals agree: tools would take the one for the other."""
    cases = [case_of(written([record(sha256=digit * 64)], facts))["CaseID"] for digit in "12"]
    assert len(set(cases)) == 2


def test_many_files_of_the_same_bytes_take_no_memory(
    record: Callable[..., Record], facts: dict[str, Any]
) -> None:
    rows = (record(path=f"{'a long name' * 20} {n}.jpg") for n in range(20_000))
    with tempfile.TemporaryFile() as stream:
        tracemalloc.start()
        vics.write(stream, rows, facts)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert most < 2_000_000
        stream.seek(0)
        assert len(entry_of(stream.read())["MediaFiles"]) == 20_000


def test_the_same_scan_gives_the_same_bytes(records: list[Record], facts: dict[str, Any]) -> None:
    assert written(records, facts) == written(list(records), facts)
