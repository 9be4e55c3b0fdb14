"""Protects: of a zip that lost its list of members each whole member has its bytes, once, and the
archive never looks clean."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import pyzipper

from scanner.containers.container import CHUNK_BYTES
from scanner.containers.zip_damaged import entries
from scanner.limits import Limits
from scanner.record import Status
from scanner.sources.found import Found, Met
from tests.scanner.opening import opened
from tests.scanner.walking import contents, rows, walked, zipped

MEMBERS = [("a.jpg", b"first" * 90), ("b/c.png", bytes(range(256)) * 4), ("d", b"last" * 99)]
CONTENT = {f"z!/{name}": content for name, content in MEMBERS}
CENTRAL, END, DESCRIPTOR = b"PK\1\2", b"PK\5\6", b"PK\7\x08"
LOST = (
    "the archive is damaged: it lost its list of members; those that were found by their own "
    "headers have rows of their own"
)
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)


class Unseekable(io.BytesIO):
    """As a pipe: what is written to it has data descriptors."""

    def seekable(self) -> bool:
        return False

    def seek(self, *_: object) -> int:
        raise io.UnsupportedOperation

    def tell(self) -> int:
        raise io.UnsupportedOperation


def streamed(compression: int = zipfile.ZIP_DEFLATED, *, wide: bool = False) -> bytes:
    stream = Unseekable()
    with zipfile.ZipFile(stream, "w", compression) as archive:
        for name, content in MEMBERS:
            with archive.open(name, "w", force_zip64=wide) as member:
                member.write(content)
    return stream.getvalue()


def without_signatures(data: bytes) -> bytes:
    return data[: data.index(CENTRAL)].replace(DESCRIPTOR, b"") + data[data.index(CENTRAL) :]


def met(data: bytes, folder: Path, limits: Limits | None = None) -> list[Found | Met]:
    (folder / "z").write_bytes(data)
    return walked(folder, limits=limits)


def is_lost(entries: list[Found | Met]) -> bool:
    return rows(entries)["z"] == (Status.UNREADABLE, LOST)


@pytest.mark.parametrize("compression", METHODS)
@pytest.mark.parametrize("write", [lambda how: zipped(MEMBERS, how), streamed])
@pytest.mark.parametrize(
    "damaged",
    [
        lambda data: data[: data.rindex(END)],
        lambda data: data[: data.rindex(END) + 9],
        lambda data: data[: data.index(CENTRAL) + 60],
        lambda data: data[: data.index(CENTRAL)],
        lambda data: data[: data.index(CENTRAL)] + bytes(70_000),
        lambda data: data.replace(CENTRAL, b"PK\0\0"),
        lambda data: data[: data.index(CENTRAL)] + b"\xff" * 30 + data[data.index(CENTRAL) + 30 :],
    ],
    ids=["no end", "cut end", "cut list", "no list", "zeros", "no entries", "overwritten"],
)
def test_every_whole_member_is_read(
    write: Callable[[int], bytes],
    compression: int,
    damaged: Callable[[bytes], bytes],
    tmp_path: Path,
) -> None:
    entries = met(damaged(write(compression)), tmp_path)
    assert contents(entries) == CONTENT
    assert is_lost(entries)


@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("changed", [bytes, without_signatures])
def test_sizes_are_found_in_every_kind_of_data_descriptor(
    wide: bool, changed: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    data = changed(streamed(wide=wide))
    entries = met(data[: data.index(CENTRAL) + 4], tmp_path)
    assert contents(entries) == CONTENT
    assert is_lost(entries)


def test_zip64_sizes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 0)
    data = zipped(MEMBERS)
    monkeypatch.undo()
    assert contents(met(data[: data.index(CENTRAL)], tmp_path)) == CONTENT


@pytest.mark.parametrize("write", [zipped, lambda _: streamed()])
def test_the_member_that_breaks_off_is_unreadable(
    write: Callable[[object], bytes], tmp_path: Path
) -> None:
    data = write(MEMBERS)
    for stop in range(data.rindex(b"PK\3\4") + 31, data.index(CENTRAL), 5):
        entries = met(data[:stop], tmp_path)
        assert contents(entries) == dict(list(CONTENT.items())[:2])
        assert rows(entries)["z!/d"] == (
            Status.UNREADABLE,
            "the member is damaged: its end is missing",
        )
        assert is_lost(entries)


def test_all_bytes_of_whole_members_are_accounted_for(tmp_path: Path) -> None:
    """Or the search would find a picture a second time, under a name of its own."""
    data = zipped(MEMBERS)
    (found,) = (it for it in met(data[: data.index(CENTRAL)], tmp_path) if it.path == "z")
    assert isinstance(found, Found)
    assert list(found.gaps or ()) == []


def test_damage_inside_a_member_costs_that_member(tmp_path: Path) -> None:
    data = bytearray(zipped(MEMBERS)[:-30])
    second = data.index(b"b/c.png") + len("b/c.png")
    data[second : second + 20] = b"\xff" * 20
    entries = met(bytes(data), tmp_path)
    assert contents(entries).keys() == {"z!/a.jpg", "z!/d"}
    assert rows(entries)["z!/b/c.png"][0] is Status.UNREADABLE
    assert is_lost(entries)


def test_a_header_that_was_overwritten_costs_that_member(tmp_path: Path) -> None:
    data = zipped(MEMBERS)[:-30]
    second = data.index(b"PK\3\4", 4)
    entries = met(data[:second] + bytes(30) + data[second + 30 :], tmp_path)
    assert contents(entries).keys() == {"z!/a.jpg", "z!/d"}
    assert is_lost(entries)


@pytest.mark.parametrize("write", [zipped, lambda members, how: streamed(how)])
def test_members_of_a_stored_zip_are_its_own(
    write: Callable[..., bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(globals(), "MEMBERS", [("in.zip", zipped(MEMBERS)), ("x", b"1" * 70_000)])
    data = write(MEMBERS, zipfile.ZIP_STORED)
    found = contents(met(data[: data.rindex(END)], tmp_path))
    inner = {path.replace("z!/", "z!/in.zip!/"): content for path, content in CONTENT.items()}
    assert found == inner | {"z!/x": b"1" * 70_000}


def test_passwords_open_what_is_encrypted(tmp_path: Path) -> None:
    stream = io.BytesIO()
    with pyzipper.AESZipFile(
        stream, "w", compression=zipfile.ZIP_DEFLATED, encryption=pyzipper.WZ_AES
    ) as archive:
        archive.setpassword(b"geheim")
        for name, content in MEMBERS:
            archive.writestr(name, content)
    (tmp_path / "z").write_bytes(stream.getvalue()[:-40])
    assert contents(opened(tmp_path, "geheim")) == CONTENT
    locked = (Status.ENCRYPTED, "the member is encrypted")
    assert rows(opened(tmp_path)) == dict.fromkeys(CONTENT, locked) | {
        "z": (Status.UNREADABLE, LOST)
    }


def test_the_limits_hold(tmp_path: Path) -> None:
    bomb = zipped([("bomb", bytes(3_000_000)), *MEMBERS])[:-30]
    entries = met(bomb, tmp_path, Limits(file_bytes=1_000_000))
    assert rows(entries)["z!/bomb"][0] is Status.OVER_LIMIT
    assert contents(entries) == CONTENT
    assert rows(met(bomb, tmp_path, Limits(archive_bytes=1_000)))["z"][0] is Status.OVER_LIMIT
    assert rows(met(bomb, tmp_path, Limits(ratio=2)))["z"][0] is Status.OVER_LIMIT
    entries = met(bomb, tmp_path, Limits(members=2))
    assert rows(entries)["z"] == (
        Status.OVER_LIMIT,
        "the archive holds more than 2 members; the rest was not read",
    )


def test_a_name_that_is_not_the_utf8_it_claims_costs_no_other(tmp_path: Path) -> None:
    data = zipped([("\u00fc", b"1"), *MEMBERS]).replace("\u00fc".encode(), b"\xff\xfe")
    entries = met(data, tmp_path)
    assert contents(entries) == CONTENT
    assert is_lost(entries)


def test_without_any_member_the_archive_is_damaged(tmp_path: Path) -> None:
    entries = met(b"PK\3\4" + b"\xff" * 500, tmp_path)
    status, error = rows(entries)["z"]
    assert status is Status.UNREADABLE
    assert error.startswith("the archive is damaged")


def header(extra_bytes: int = 0, flags: int = 8, stored: int = 0) -> bytes:
    fixed = (b"PK\3\4", 20, flags, 8, 0, 0, 0, stored, 0, 1, extra_bytes)
    return struct.pack("<4s5H3I2H", *fixed) + b"x"


def test_headers_lie_where_two_reads_meet() -> None:
    for before in range(CHUNK_BYTES - 40, CHUNK_BYTES + 5, 3):
        data = header(flags=0, stored=before) + bytes(before) + header(flags=0, stored=1) + b"1"
        assert [entry.place for entry in entries(io.BytesIO(data), 9)] == [0, 31 + before]


@pytest.mark.parametrize(
    "hostile",
    [
        header(),
        header(0xFFFF),
        header(flags=0, stored=0xFFFF_FFFF),
        header() + DESCRIPTOR + b"\xff" * 12,
        header() + DESCRIPTOR * 9,
        b"PK\3\4",
    ],
    ids=["endless", "long fields", "cut", "wrong descriptors", "descriptors", "signatures"],
)
def test_hostile_headers_are_read_once(hostile: bytes) -> None:
    """What is read grows with the file, not with its square."""

    class Counted(io.BytesIO):
        number = 0

        def read(self, size: int | None = -1, /) -> bytes:
            data = super().read(size)
            self.number += len(data)
            return data

    stream = Counted(hostile * (2_000_000 // len(hostile)))
    entries(stream, 10_000_000)
    assert stream.number < 30 * 2_000_000


@pytest.mark.parametrize("filler", [b"\0", b"\xff", b" "])
@pytest.mark.parametrize("number", [1, 22, 65_513, 65_535, 65_536, 65_557, 65_600, 3 << 20])
@pytest.mark.parametrize("comment", [b"", b"about it"])
def test_what_fills_the_space_behind_the_end_hides_nothing(
    filler: bytes, number: int, comment: bytes, tmp_path: Path
) -> None:
    stream = io.BytesIO(zipped(MEMBERS))
    with zipfile.ZipFile(stream, "a") as archive:
        archive.comment = comment
    entries = met(stream.getvalue() + filler * number, tmp_path)
    found = contents(entries)
    found.pop("z!/trailing-data", None)
    assert found == CONTENT
    assert rows(entries) == {}


def test_zeros_behind_a_zip64_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 0)
    monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 1)
    data = zipped(MEMBERS)
    monkeypatch.undo()
    assert b"PK\6\6" in data
    for number in (9, 70_000):
        entries = met(data + bytes(number), tmp_path)
        found = contents(entries)
        found.pop("z!/trailing-data", None)
        assert found == CONTENT
        assert rows(entries) == {}
