"""Protects: every member of a tar is met, and one that breaks off never looks complete."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from scanner.record import Status
from tests.scanner.sources.conftest import COMPRESSIONS, contents, rows, tarred, walked

MEMBERS = [(f"folder/{n}.jpg", bytes([n]) * 3000) for n in range(5)]
EXPECTED = {f"a!/{name}": content for name, content in MEMBERS}
RECORD = 512


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_every_format_and_long_names(form: int, tmp_path: Path) -> None:
    long = "folder/" * 20 + "x"
    (tmp_path / "a").write_bytes(tarred([*MEMBERS, (long, b"1")], form))
    assert contents(walked(tmp_path)) == EXPECTED | {f"a!/{long}": b"1"}


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_every_compression(compression: str, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(COMPRESSIONS[compression](tarred(MEMBERS)))
    assert contents(walked(tmp_path)) == EXPECTED


@pytest.mark.parametrize("compression", ["plain", *COMPRESSIONS])
@pytest.mark.parametrize("share", [0.3, 0.5, 0.7])
def test_a_truncated_tar_is_reported(compression: str, share: float, tmp_path: Path) -> None:
    data = tarred([(name, bytes(range(256)) * 40) for name, _ in MEMBERS])
    data = COMPRESSIONS[compression](data) if compression != "plain" else data[: 15 * 10_240]
    (tmp_path / "a").write_bytes(data[: int(len(data) * share)])
    entries = walked(tmp_path)
    assert [status for status, _ in rows(entries).values()].count(Status.UNREADABLE) >= 1
    assert len(contents(entries)) < 5


def test_a_tar_cut_between_two_members_is_reported(tmp_path: Path) -> None:
    whole = tarred(MEMBERS, tarfile.USTAR_FORMAT)
    (tmp_path / "a").write_bytes(whole[: 2 * (RECORD + 3072)])
    entries = walked(tmp_path)
    assert len(contents(entries)) == 2
    status, error = rows(entries)["a"]
    assert status is Status.UNREADABLE
    assert "damaged" in error


def test_a_truncated_members_own_name_is_reported(tmp_path: Path) -> None:
    whole = tarred(MEMBERS, tarfile.USTAR_FORMAT)
    (tmp_path / "a").write_bytes(whole[: RECORD + 1000])
    assert rows(walked(tmp_path))["a!/folder/0.jpg"][0] is Status.UNREADABLE


def test_a_broken_header_is_reported_after_what_precedes_it(tmp_path: Path) -> None:
    data = bytearray(tarred(MEMBERS, tarfile.USTAR_FORMAT))
    second = RECORD + 3072
    data[second + 148 : second + 156] = b"0000000\0"
    (tmp_path / "a").write_bytes(data)
    entries = walked(tmp_path)
    assert contents(entries) == {"a!/folder/0.jpg": MEMBERS[0][1]}
    status, error = rows(entries)["a"]
    assert status is Status.UNREADABLE
    assert "broken header" in error


def test_links_and_devices_have_rows(tmp_path: Path) -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, kind in (
            ("soft", tarfile.SYMTYPE),
            ("hard", tarfile.LNKTYPE),
            ("device", tarfile.CHRTYPE),
            ("pipe", tarfile.FIFOTYPE),
            ("folder", tarfile.DIRTYPE),
        ):
            info = tarfile.TarInfo(name)
            info.type = kind
            info.linkname = "/etc/passwd"
            archive.addfile(info)
    (tmp_path / "a").write_bytes(stream.getvalue())
    entries = walked(tmp_path)
    assert contents(entries) == {}
    assert rows(entries).keys() == {"a!/soft", "a!/hard", "a!/device", "a!/pipe"}
    assert {status for status, _ in rows(entries).values()} == {Status.UNSUPPORTED}


def test_two_members_of_one_name_are_two_rows(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(tarred([("x", b"1"), ("x", b"2")]))
    entries = walked(tmp_path)
    assert [(entry.path, entry.position) for entry in entries] == [("a!/x", 1), ("a!/x", 2)]


def test_names_that_are_no_utf8(tmp_path: Path) -> None:
    data = tarred([("AA.jpg", b"1")], tarfile.GNU_FORMAT)
    header = bytearray(data[:RECORD])
    header[:2] = b"\xe4\xff"
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    (tmp_path / "a").write_bytes(bytes(header) + data[RECORD:])
    assert contents(walked(tmp_path)) == {"a!/\\xe4\\xff.jpg": b"1"}


def test_an_empty_member_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(tarred([("empty", b""), ("x", b"1")]))
    assert contents(walked(tmp_path)) == {"a!/empty": b"", "a!/x": b"1"}
