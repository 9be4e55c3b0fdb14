"""Protects: bombs end in bounded time and memory, with a row that says which limit they met."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from backports import zstd

from scanner.containers.zip import AES
from scanner.limits import Limits
from scanner.record import Status
from scanner.sources.found import Found, Met
from scanner.sources.walk import walk

MIB = 1 << 20
LIMITS = Limits(file_bytes=8 * MIB, archive_bytes=64 * MIB)
HELD_AT_MOST = 60 * MIB


def walked(folder: Path, limits: Limits = LIMITS) -> tuple[list[Found], list[Met]]:
    """What is to be examined and what cannot be, in memory that stays bounded."""
    tracemalloc.start()
    found, met = [], []
    for entry in walk([folder], limits):
        if isinstance(entry, Met):
            met.append(entry)
        elif entry.fate is None:
            found.append(Found(entry.path, entry.position, b""))
        elif entry.fate.status is not Status.CONTAINER:
            fate = entry.fate
            met.append(Met(entry.path, entry.position, fate.status, fate.error))
    held = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert held < HELD_AT_MOST
    return found, met


def zipped(members: dict[str, bytes], kind: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", kind) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return stream.getvalue()


def overlapping_zip(count: int, expanded: int) -> bytes:
    """`count` directory entries that all point at one member."""
    data = zipped({"a": bytes(expanded)})
    end = data.rindex(b"PK\x05\x06")
    start = data.index(b"PK\x01\x02")
    directory = data[start:end] * count
    closing = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, count, count, len(directory), start, 0)
    return data[:start] + directory + closing


@pytest.mark.parametrize(
    "compress",
    [gzip.compress, bz2.compress, lzma.compress, zstd.compress],
    ids=["gz", "bz2", "xz", "zst"],
)
def test_endless_content(compress: Callable[[bytes], bytes], tmp_path: Path) -> None:
    (tmp_path / "endless").write_bytes(b"".join([compress(bytes(16 * MIB))] * 3))
    found, met = walked(tmp_path)
    assert found == []
    assert {entry.status for entry in met} == {Status.OVER_LIMIT}
    assert "limit" in met[0].error or "times the stored bytes" in met[0].error


@pytest.mark.parametrize(
    "kind", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA], ids=str
)
def test_zip_of_a_huge_member(kind: int, tmp_path: Path) -> None:
    (tmp_path / "bomb.zip").write_bytes(zipped({"a": bytes(100 * MIB)}, kind))
    found, met = walked(tmp_path, Limits(file_bytes=8 * MIB, ratio=100_000))
    assert found == []
    assert [entry.status for entry in met] == [Status.OVER_LIMIT]
    assert met[0].error == f"larger than the limit of {8 * MIB:,} bytes"


def test_high_ratio(tmp_path: Path) -> None:
    (tmp_path / "bomb.zip").write_bytes(zipped({f"{n}": bytes(MIB) for n in range(5)}))
    found, met = walked(tmp_path, Limits(ratio=500))
    assert len(found) < 5
    assert [entry.status for entry in met] == [Status.OVER_LIMIT]
    assert "more than 500 times the stored bytes; the rest was not read" in met[0].error


def test_overlapping_members(tmp_path: Path) -> None:
    (tmp_path / "bomb.zip").write_bytes(overlapping_zip(5000, 4 * MIB))
    found, met = walked(tmp_path)
    assert len(found) <= 16
    assert {entry.status for entry in met} <= {Status.OVER_LIMIT, Status.UNREADABLE}
    assert met


def test_damaged_members_spend_what_they_expand_to(tmp_path: Path) -> None:
    """What is expanded in vain counts as well."""
    data = bytearray(zipped({f"{n:02}": bytes(4 * MIB) for n in range(40)}))
    entry = data.index(b"PK\x01\x02")
    while entry >= 0:
        data[entry + 16 : entry + 20] = b"spam"  # the checksum
        entry = data.find(b"PK\x01\x02", entry + 1)
    (tmp_path / "bomb.zip").write_bytes(data)
    found, met = walked(tmp_path, Limits(archive_bytes=64 * MIB, ratio=100_000))
    assert found == []
    assert {entry.status for entry in met[:-1]} == {Status.UNREADABLE}
    assert (met[-1].path, met[-1].status) == ("bomb.zip", Status.OVER_LIMIT)
    assert len(met) < 40


def test_nested_bombs_spend_what_their_archives_have(tmp_path: Path) -> None:
    layer = zipped({f"{n}": bytes(2 * MIB) for n in range(16)})
    for _ in range(3):
        layer = zipped({f"{n}.zip": layer for n in range(16)})  # 32 MiB × 16³ expanded
    (tmp_path / "bomb.zip").write_bytes(layer)
    found, met = walked(tmp_path)
    assert len(found) <= 32
    assert {entry.status for entry in met} == {Status.OVER_LIMIT}
    assert met[-1].path == "bomb.zip"


def test_depth(tmp_path: Path) -> None:
    layer = b"text"
    for _ in range(20):
        layer = zipped({"a": layer})
    (tmp_path / "deep.zip").write_bytes(layer)
    found, met = walked(tmp_path)
    assert found == []
    assert [entry.error for entry in met] == ["archives nested deeper than the limit of 8"]


def test_members(tmp_path: Path) -> None:
    (tmp_path / "many.zip").write_bytes(zipped({f"{n}": b"x" for n in range(50)}))
    found, met = walked(tmp_path, Limits(members=10))
    assert len(found) == 10
    assert met[0].error == "the archive holds more than 10 members; the rest was not read"


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, AES])
def test_a_list_of_members_beyond_the_limit_takes_no_memory(method: int, tmp_path: Path) -> None:
    """Nor in the other library, that decrypts."""
    data = bytearray(overlapping_zip(60_000, 1))
    struct.pack_into("<H", data, data.index(b"PK\x01\x02") + 10, method)
    (tmp_path / "many.zip").write_bytes(data)
    tracemalloc.start()
    entries = list(walk([tmp_path], Limits(members=10)))
    held = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(entries) == 11
    assert entries[-1].path == "many.zip"
    assert held < 20 * MIB  # the list is 3 MB of the file


def test_all_archives_together(tmp_path: Path) -> None:
    for n in range(6):
        (tmp_path / f"{n}.zip").write_bytes(zipped({"a": bytes(MIB), "b": bytes(MIB)}))
    (tmp_path / "note.txt").write_text("no archive")
    found, met = walked(tmp_path, Limits(total_bytes=5 * MIB))
    assert len(found) == 5 + 1
    assert {entry.status for entry in met} == {Status.OVER_LIMIT}
    assert all("all archives together" in entry.error for entry in met)
    assert len(met) == 4


def test_tar_that_announces_more_than_it_may_expand(tmp_path: Path) -> None:
    """A member too large to keep must not be expanded to its end either."""
    info = tarfile.TarInfo("huge")
    info.size = 1 << 50
    compressor = zlib.compressobj(wbits=31)
    data = compressor.compress(info.tobuf(tarfile.GNU_FORMAT))
    data += b"".join(compressor.compress(bytes(MIB)) for _ in range(300))
    (tmp_path / "bomb.tar.gz").write_bytes(data + compressor.flush())
    found, met = walked(tmp_path)
    assert found == []
    assert [entry.path for entry in met] == ["bomb.tar.gz!/huge", "bomb.tar.gz"]
    assert {entry.status for entry in met} == {Status.OVER_LIMIT}


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE, tarfile.XGLTYPE])
def test_tar_with_an_endless_name(kind: bytes, tmp_path: Path) -> None:
    info = tarfile.TarInfo("long")
    info.type = kind
    info.size = 80 * MIB
    archive = info.tobuf(tarfile.GNU_FORMAT) + b"a" * (80 * MIB)
    (tmp_path / "bomb.tar.gz").write_bytes(gzip.compress(archive, 1))
    del archive
    found, met = walked(tmp_path, Limits())
    assert found == []
    assert [entry.status for entry in met] == [Status.UNREADABLE]
    assert "a name or header of 83,886,080 bytes" in met[0].error


def _pax(kind: bytes, fields: dict[str, str]) -> bytes:
    """A header of fields, for one member (tarfile.XHDTYPE) or for all that follow."""
    return tarfile.TarInfo._create_pax_generic_header(fields, kind, "utf-8")  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("headers", "sentence"),
    [
        ([(tarfile.XGLTYPE, {f"a{n}.{i}": "" for i in range(400)}) for n in range(3)], "fields"),
        ([(tarfile.XGLTYPE, {f"a{n}": "v" * 900_000}) for n in range(99)], "characters"),
    ],
)
def test_global_headers_that_would_add_up(
    headers: list[tuple[bytes, dict[str, str]]], sentence: str, tmp_path: Path
) -> None:
    member = tarfile.TarInfo("x").tobuf(tarfile.USTAR_FORMAT)
    data = b"".join(_pax(*header) + member for header in headers)
    (tmp_path / "a").write_bytes(data + bytes(1024))
    found, met = walked(tmp_path)
    assert 1 <= len(found) <= 2
    assert [entry.status for entry in met] == [Status.OVER_LIMIT]
    assert f"{sentence} in its global headers; the rest was not read" in met[0].error


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE])
def test_many_headers_ahead_of_one_member(kind: bytes, tmp_path: Path) -> None:
    member = tarfile.TarInfo("x").tobuf(tarfile.USTAR_FORMAT)
    header = _pax(kind, {f"a{n}": "" for n in range(900)})
    (tmp_path / "few").write_bytes(header * 10 + member + bytes(1024))
    (tmp_path / "many").write_bytes(header * 200 + member + bytes(1024))
    found, met = walked(tmp_path)
    assert [entry.path for entry in found] == ["few!/x"]
    assert [(entry.path, entry.status) for entry in met] == [("many", Status.OVER_LIMIT)]


def test_an_honest_archive_meets_no_limit(tmp_path: Path) -> None:
    (tmp_path / "blank.zip").write_bytes(zipped({f"{n}": bytes(4 * MIB) for n in range(8)}))
    found, met = walked(tmp_path, Limits())
    assert len(found) == 8
    assert met == []
