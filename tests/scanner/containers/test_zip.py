"""Protects: every member of a zip has its bytes or its row, in whatever variant it was written."""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path

import pytest

from scanner.record import Status
from scanner.sources.found import Found
from tests.scanner.containers.test_zip_damaged import Unseekable
from tests.scanner.walking import content, contents, rows, walked, zipped

CENTRAL, LOCAL = b"PK\x01\x02", b"PK\x03\x04"


@pytest.mark.parametrize(
    "compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
)
def test_every_compression(compression: int, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(zipped([("x", b"content" * 50)], compression))
    assert contents(walked(tmp_path)) == {"a!/x": b"content" * 50}


def test_zip64(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 0)
    monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 1)
    data = zipped([("x", b"1"), ("y", b"22")])
    monkeypatch.undo()
    assert b"PK\x06\x06" in data, "a zip64 end-of-directory record was written"
    (tmp_path / "a").write_bytes(data)
    assert contents(walked(tmp_path)) == {"a!/x": b"1", "a!/y": b"22"}


def test_data_descriptors(tmp_path: Path) -> None:
    stream = Unseekable()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x", b"1")
        archive.writestr("y", b"22")
    data = stream.getvalue()
    assert b"PK\x07\x08" in data, "a data descriptor was written"
    (tmp_path / "a").write_bytes(data)
    assert contents(walked(tmp_path)) == {"a!/x": b"1", "a!/y": b"22"}


def test_two_members_of_one_name_are_two_rows(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        (tmp_path / "a").write_bytes(zipped([("x", b"1"), ("x", b"2")]))
    entries = walked(tmp_path)
    places = [(entry.path, entry.position) for entry in entries]
    assert places == [("a", 0), ("a!/x", 1), ("a!/x", 2)]
    assert [content(entry) for entry in entries[1:] if isinstance(entry, Found)] == [b"1", b"2"]


def test_an_encrypted_member_costs_only_itself(tmp_path: Path) -> None:
    data = bytearray(zipped([("secret", b"1"), ("open", b"2")]))
    for signature, offset in ((LOCAL, 6), (CENTRAL, 8)):
        data[data.index(signature) + offset] |= 1
    (tmp_path / "a").write_bytes(data)
    entries = walked(tmp_path)
    assert contents(entries) == {"a!/open": b"2"}
    assert rows(entries) == {"a!/secret": (Status.ENCRYPTED, "the member is encrypted")}


def test_encryption_hidden_from_the_directory_costs_only_its_member(tmp_path: Path) -> None:
    data = bytearray(zipped([("secret", b"1"), ("open", b"2")]))
    data[data.index(LOCAL) + 6] |= 1
    (tmp_path / "a").write_bytes(data)
    entries = walked(tmp_path)
    assert contents(entries).get("a!/open") == b"2"
    assert rows(entries).keys() <= {"a!/secret"}
    assert [entry.path for entry in entries] == ["a", "a!/open", "a!/secret"]


def test_a_wrong_checksum_costs_only_its_member(tmp_path: Path) -> None:
    data = zipped([("x", b"original"), ("y", b"2")], zipfile.ZIP_STORED)
    (tmp_path / "a").write_bytes(data.replace(b"original", b"tampered"))
    entries = walked(tmp_path)
    assert contents(entries) == {"a!/y": b"2"}
    status, error = rows(entries)["a!/x"]
    assert status is Status.UNREADABLE
    assert "CRC" in error


def test_broken_compressed_data_costs_only_its_member(tmp_path: Path) -> None:
    data = bytearray(zipped([("x", bytes(range(256)) * 9), ("y", b"2")]))
    start = 30 + len("x")
    data[start : start + 20] = b"\xff" * 20
    (tmp_path / "a").write_bytes(data)
    entries = walked(tmp_path)
    assert contents(entries) == {"a!/y": b"2"}
    assert rows(entries)["a!/x"][0] is Status.UNREADABLE


def test_a_broken_local_header_costs_only_its_member(tmp_path: Path) -> None:
    data = zipped([("x", b"1"), ("y", b"2")])
    (tmp_path / "a").write_bytes(data[:26] + b"\xff\x7f" + data[28:])
    entries = walked(tmp_path)
    assert contents(entries) == {"a!/y": b"2"}
    assert rows(entries)["a!/x"][0] is Status.UNREADABLE


def test_an_unknown_compression_costs_only_its_member(tmp_path: Path) -> None:
    data = bytearray(zipped([("x", b"1"), ("y", b"2")]))
    struct.pack_into("<H", data, data.index(LOCAL) + 8, 97)
    struct.pack_into("<H", data, data.index(CENTRAL) + 10, 97)
    (tmp_path / "a").write_bytes(data)
    entries = walked(tmp_path)
    assert contents(entries) == {"a!/y": b"2"}
    assert rows(entries)["a!/x"][0] is Status.UNSUPPORTED


@pytest.mark.parametrize("keep", [40, -30, -5])
def test_a_zip_cut_short_has_a_row(keep: int, tmp_path: Path) -> None:
    data = zipped([("x", b"1"), ("y", b"2")])
    (tmp_path / "a").write_bytes(data[:keep])
    status, error = rows(walked(tmp_path))["a"]
    assert status is Status.UNREADABLE
    assert error.startswith("the archive is damaged")


def test_a_comment_and_foreign_names(tmp_path: Path) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.comment = b"seized 2024"
        archive.writestr("ü/漢字.jpg", b"1")
        archive.writestr("back\\slash\n", b"2")
    (tmp_path / "a").write_bytes(stream.getvalue())
    assert contents(walked(tmp_path)) == {
        "a!/ü/漢字.jpg": b"1",
        "a!/back\\\\slash\\x0a": b"2",
    }


def test_names_in_an_old_code_page_are_kept_apart(tmp_path: Path) -> None:
    data = zipped([("AA", b"1"), ("BB", b"2")])
    data = data.replace(b"AA", b"\x81\xff").replace(b"BB", b"\x82\xff")
    (tmp_path / "a").write_bytes(data)
    assert sorted(contents(walked(tmp_path)).values()) == [b"1", b"2"]


def test_a_name_that_is_not_the_utf8_it_claims_costs_no_other(tmp_path: Path) -> None:
    data = zipped([("\u00fc", b"1"), ("y", b"2")]).replace("\u00fc".encode(), b"\xff\xfe")
    (tmp_path / "a").write_bytes(data)
    entries = walked(tmp_path)
    assert b"2" in contents(entries).values() or "a" in rows(entries)


def test_a_member_named_like_a_folder_is_read(tmp_path: Path) -> None:
    data = zipped([("x.jpg_", b"1"), ("empty_", b"")]).replace(b"x.jpg_", b"x.jpg/")
    (tmp_path / "a").write_bytes(data.replace(b"empty_", b"empty/"))
    assert contents(walked(tmp_path)) == {"a!/x.jpg/": b"1"}


def test_what_lies_around_an_archive_is_read(tmp_path: Path) -> None:
    """A zip is read from its end, so another one may stand before it, and an image behind it."""
    first, second = zipped([("x", b"one")]), zipped([("y", b"two")])
    (tmp_path / "two").write_bytes(first + second)
    (tmp_path / "more").write_bytes(second + b"behind")
    assert contents(walked(tmp_path)) == {
        "two!/y": b"two",
        "two!/leading-data!/x": b"one",
        "more!/y": b"two",
        "more!/trailing-data": b"behind",
    }
