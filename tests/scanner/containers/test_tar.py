"""Protects: every member of a tar is met, and one that breaks off never looks complete."""

from __future__ import annotations

import base64
import gzip
import io
import tarfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from scanner.limits import Limits
from scanner.record import Status
from scanner.sources.walk import walk
from tests.conftest import image_bytes
from tests.scanner.walking import COMPRESSIONS, contents, rows, tarred, walked

MEMBERS = [(f"folder/{n}.jpg", bytes([n]) * 3000) for n in range(5)]
EXPECTED = {f"a!/{name}": content for name, content in MEMBERS}
RECORD = 512
# By GNU tar, as Python reads sparse files but does not write them.
SPARSE = {
    "gnu": (
        "H4sIAAAAAAACA+3YTQqDMBCG4TlKjpDEcS7iCboQuigNaAo9vqKbVooFf2l5n82EJGRgIJvvmm51K/vyPVMdam9Sw+ve"
        "uA7mo4mr5ACPNl8a56RJKc/d+3a+ajqF6ceJFGZaxvfpLGwwPgRsKjACAAAAAPgJ9/qZ9+4xn/8Micck//HqS3GHxBWn"
        "5z/ninwBAAAAAAAA4G91uwe43gAoAAA="
    ),
    "pax-0.0": (
        "H4sIAAAAAAACA+3YzYrCMBAH8Jz7FH2COhljaw4960m87APU3YjiR6QTofr0WxXELbKysC2o/98lpdNhSMPkMElvWlRj"
        "V3y5UnoLv3ai/h3VUmPOa625Epv+9fn8XmvOWMWV6sBeQlHW5dV74iweTT4S2RWluESWR5dr0qdjiDi9DW33m9naf64k"
        "54iHtxE/n4sLubXWsGnETlmH4CQ3ZNOI7Z28a7nB3USKFLSnpZb/Q//rH3fBpf+ZjFYxddn/pffht+8exZubA3gDGr8A"
        "AAAAAADgKWxdFdqu8Wj+S6Sb89+MBpj/dIHRAgAAAAAAAAAv7xtNwcXsACgAAA=="
    ),
    "pax-0.1": (
        "H4sIAAAAAAACA+3YsW6DMBAGYM88BQ+AzN3VGDGwpp2qSFEfwG0tNSqECBMJ9elDSVUlDMmSorb5v8WIs7DM+TycTpeu"
        "f/Du1bchfWsqH9TV0cAaM46D6Uhs7ffz+J5ZcqviXs1gFzrXDsur2yR5fP/4pMPWtcHrsP7wJRN/piESexza7Ornqnl5"
        "D6VEkp1EXO3L8ehEho4DtduWRVEYMYmhwiZfH04oUvBL6HRI2GrM12JdeS18l+VXvgjO1z+f3AWH+s/EZiqmOeu/bZru"
        "3LxL8enmAG4A4xcAAAAAAAD8CRvfdz+9xqX+LxFP+785of8zC0EJAAAAAAAAAPx7e3TljgsAKAAA"
    ),
    "pax-1.0": (
        "H4sIAAAAAAACA+3YwWqEMBAG4JzzFD5BnJmNLh68tj2VQukDBBqoxdUlsSB9+qYupeJhvWyly/7fJTAjBB3/HGLyJzc+"
        "ePfqQ8zf+tZHdXGUlNZOa7JciX97pzqz7EVlo9rARxxcSNur2ySS3T++mHh0IXpzcO99qFkvqk2XqqSlmFc7d/D19Mfo"
        "Hc8bwbs2Np++ZuLveWoF/5bJ0+Sep8HdNa03wruSLnwQnM8/8/wsOOW/kJJURlvmP/T9cO65tf7y5a4l/7qqKitWW6pK"
        "/ZNYZBYA1jE+AQAAAAAAwFXo/Dj89R5r9/9EvLz/31OB+78tCCIAAAAAAABwE74AqYW5awAoAAA="
    ),
}


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_every_format_and_long_names(form: int, tmp_path: Path) -> None:
    long = "folder/" * 20 + "x"
    (tmp_path / "a").write_bytes(tarred([*MEMBERS, (long, b"1")], form))
    assert contents(walked(tmp_path)) == EXPECTED | {f"a!/{long}": b"1"}


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_every_compression(compression: str, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(COMPRESSIONS[compression](tarred(MEMBERS)))
    assert contents(walked(tmp_path)) == EXPECTED


@pytest.mark.parametrize("pack", [bytes, *COMPRESSIONS.values()])
def test_archives_appended_to_each_other_are_read_as_one(
    pack: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    archives = [tarred([(f"{n}", b"%d" % n)]) for n in range(300)]
    (tmp_path / "a").write_bytes(pack(b"".join(archives)))
    entries = walked(tmp_path, limits=Limits(ratio=100_000))
    assert contents(entries) == {f"a!/{n}": b"%d" % n for n in range(300)}


@pytest.mark.parametrize("pack", [bytes, *COMPRESSIONS.values()])
@pytest.mark.parametrize("zeros", [0, 100, 5 * RECORD])
def test_what_lies_behind_the_end_mark_is_looked_at(
    pack: Callable[[bytes], bytes], zeros: int, tmp_path: Path
) -> None:
    data = tarred([("x", b"1")]) + bytes(zeros) + image_bytes() + bytes(zeros)
    (tmp_path / "a").write_bytes(pack(data))
    found = contents(walked(tmp_path))
    assert found.keys() == {"a!/x", "a!/trailing-data"}
    assert found["a!/trailing-data"].strip(b"\0") == image_bytes()


@pytest.mark.parametrize("blocks", [1, 2, 5000])
def test_members_behind_leading_zeros_are_met(blocks: int, tmp_path: Path) -> None:
    """Most programs take zeros for the end; `tar --ignore-zeros` finds what hides behind them."""
    (tmp_path / "a").write_bytes(bytes(blocks * RECORD) + tarred(MEMBERS))
    assert contents(walked(tmp_path)) == EXPECTED


def test_members_behind_leading_zeros_in_compressed_data_are_met(tmp_path: Path) -> None:
    (tmp_path / "a.gz").write_bytes(gzip.compress(bytes(2 * RECORD) + tarred([("x", b"1")])))
    assert contents(walked(tmp_path)) == {"a.gz!/a!/x": b"1"}


def test_members_behind_a_single_zero_block_are_met(tmp_path: Path) -> None:
    first = tarred([("x", b"1")], tarfile.USTAR_FORMAT)[: 2 * RECORD]
    (tmp_path / "a").write_bytes(first + bytes(RECORD) + tarred([("y", b"2")]))
    assert contents(walked(tmp_path)) == {"a!/x": b"1", "a!/y": b"2"}


def test_nothing_but_zeros_is_no_tar(tmp_path: Path) -> None:
    for size in (1, RECORD, 9 * RECORD + 1):
        (tmp_path / f"{size}").write_bytes(bytes(size))
    with (tmp_path / "sparse").open("wb") as sparse:
        sparse.truncate(1 << 40)
    assert len([entry for entry in walk([tmp_path], Limits()) if entry.position == 0]) == 4


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_what_lies_behind_the_compressed_data_is_looked_at(
    compression: str, tmp_path: Path
) -> None:
    data = COMPRESSIONS[compression](tarred([("x", b"1")])) + image_bytes()
    (tmp_path / "a").write_bytes(data)
    assert contents(walked(tmp_path)) == {"a!/x": b"1", "a!/trailing-data": image_bytes()}


def test_what_is_too_large_behind_the_end_mark_is_one_row(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(tarred([("x", b"1")]) + b"1" * 9000)
    entries = walked(tmp_path, limits=Limits(file_bytes=2000))
    assert contents(entries) == {"a!/x": b"1"}
    assert [status for status, _ in rows(entries).values()] == [Status.OVER_LIMIT]
    assert [entry.path for entry in entries] == ["a", "a!/trailing-data", "a!/x"]


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
    sentence = "the archive is damaged: it has no end mark, as if it were cut short"
    assert rows(entries) == {"a": (Status.UNREADABLE, sentence)}


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
    places = [(entry.path, entry.position) for entry in entries]
    assert places == [("a", 0), ("a!/x", 1), ("a!/x", 2)]


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


def test_a_tar_older_than_its_magic_number(tmp_path: Path) -> None:
    data = bytearray(tarred([("x.jpg", b"1")], tarfile.USTAR_FORMAT))
    data[257:RECORD] = bytes(RECORD - 257)
    data[148:156] = b" " * 8
    data[148:156] = b"%06o\0 " % sum(data[:RECORD])
    (tmp_path / "a").write_bytes(data)
    (tmp_path / "b").write_bytes(COMPRESSIONS["gz"](bytes(data)))
    assert contents(walked(tmp_path)) == {"a!/x.jpg": b"1", "b!/x.jpg": b"1"}


def test_sparse_files_are_read_whole(tmp_path: Path) -> None:
    """As `tar --sparse` packs them, in each of its ways."""
    for way, data in SPARSE.items():
        (tmp_path / way).write_bytes(gzip.decompress(base64.b64decode(data)))
    expected = bytes(1_000_000) + b"1" + bytes(9_999)
    assert contents(walked(tmp_path)) == {
        f"{way}!/{name}": content
        for way in SPARSE
        for name, content in (("holes", expected), ("next", b"2"))
    }


def test_many_members_take_no_memory(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(tarred((f"{number}", b"") for number in range(3_000)))
    tracemalloc.start()
    count = sum(1 for _ in walk([tmp_path], Limits()))
    held = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 3_000 + 1
    assert held < 2_000_000
