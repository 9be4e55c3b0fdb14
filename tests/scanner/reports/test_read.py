"""A report must read back as the very records it was written from, or be refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from scanner.record import Origin, Record, Status, Verdict, path_text
from scanner.reports import write_report
from scanner.reports.read import ReadError, read_records

PLAIN = Record(
    path="a.jpg", position=0, sha256="ab" * 32, sha1=None, md5=None, known=None,
    pdq=None, similar=None, bytes=5, format="JPEG",
    name_mismatch=None, width=32, height=32, page=1, frames=1, status=Status.SCORED,
    verdict=Verdict.FAKE, origin=Origin.AI_VALIDATED,
    p_fake=0.999983, confidence=0.999983, llr=-1.5, logit=1e-05, reason=None, checks=None,
    evidence=None,
    error=None, model="m@1",
)  # fmt: skip
BARE = Record(
    path="bare", position=0, sha256=None, sha1=None, md5=None, known=None,
    pdq=None, similar=None, bytes=None, format=None,
    name_mismatch=None, width=None, height=None, page=None, frames=None, status=Status.KNOWN,
    verdict=None, origin=None,
    p_fake=None, confidence=None, llr=None, logit=None, reason=None, checks=None, evidence=None,
    error=None, model=None,
)  # fmt: skip
PATHS = [
    "=cmd|' /C calc'!A0", "+1", "-1", "@x", "'quoted", "''=twice", '"double"', "com,ma", " space ",
    "not\udcffunicode\\", "line\nbreak\r\ttab", "é/\u2028/日本", "1e5", "None",
]  # fmt: skip
RECORDS = [replace(PLAIN, path=path_text(path)) for path in PATHS] + [
    replace(PLAIN, position=3, md5="cd" * 16, known="nsrl.txt; =list", reason="-too close"),
    replace(PLAIN, evidence="=" + "x" * 500_000),
    replace(PLAIN, error="a line\nand 'another', \"quoted\"\r\n", status=Status.UNREADABLE),
    BARE,
]
SUFFIXES = ["csv", "json", "jsonl", "ndjson"]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_record_survives_a_round_trip(tmp_path: Path, suffix: str) -> None:
    report = tmp_path / f"out.{suffix}"
    write_report(report, RECORDS, {"model": "m"})
    assert list(read_records(report)) == RECORDS


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_scan_of_nothing_has_no_records(tmp_path: Path, suffix: str) -> None:
    report = tmp_path / f"out.{suffix}"
    write_report(report, [], {})
    assert list(read_records(report)) == []


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_truncated_report_is_refused(tmp_path: Path, suffix: str) -> None:
    report = tmp_path / f"out.{suffix}"
    write_report(report, [PLAIN, PLAIN], {})
    report.write_bytes(report.read_bytes()[:-12])
    with pytest.raises(ReadError, match="is damaged"):
        list(read_records(report))


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("content", [b"\xff\xfe", b"hello\nworld\n", b'{"a": 1}\n2\n', b"\0\0"])
def test_what_is_no_report_is_refused(tmp_path: Path, suffix: str, content: bytes) -> None:
    report = tmp_path / f"out.{suffix}"
    report.write_bytes(content)
    with pytest.raises(ReadError, match=r"out\.\w+ is no report"):
        list(read_records(report))


def test_columns_of_another_version_are_none_or_ignored(tmp_path: Path) -> None:
    report = tmp_path / "old.csv"
    report.write_text("path,position,status,colour\na.jpg,0,scored,red\n")
    (record,) = read_records(report)
    assert (record.path, record.status, record.sha256) == ("a.jpg", Status.SCORED, None)


def test_missing_and_other_files_are_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="cannot be read: No such file"):
        list(read_records(tmp_path / "none.csv"))
    with pytest.raises(ReadError, match="none of the reports that can be read"):
        list(read_records(tmp_path / "out.pdf"))
