"""Protects: old names of zip members are read in the code page that the user names, and none costs
its member."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import pytest

from scanner.containers.zip_names import CP437, CodePageError, code_page, member_name
from scanner.limits import Limits
from scanner.record import path_from_text
from scanner.sources.walk import walk
from tests.scanner.walking import checked, contents, zipped

NAME = "写真ソ表.jpg"
OLD = NAME.encode("cp932")
UTF8_FLAG = 0x800


def old_zip(*names: bytes) -> bytes:
    """A zip whose members have these names, and say nothing of their code page."""
    stand_ins = [str(number) * len(name) for number, name in enumerate(names)]
    data = zipped(zip(stand_ins, names, strict=True))
    for stand_in, name in zip(stand_ins, names, strict=True):
        data = data.replace(stand_in.encode(), name)
    return data


def unicode_path(old: bytes, new: bytes, version: int = 1) -> bytes:
    content = struct.pack("<BI", version, zlib.crc32(old)) + new
    return struct.pack("<HH", 0x7075, len(content)) + content


def names(data: bytes, folder: Path, page: str = CP437) -> list[str]:
    (folder / "z").write_bytes(data)
    found = contents(checked(walk([folder], Limits(), zip_names=page)))
    assert len(found) > 0
    return [path.removeprefix("z!/") for path in found]


@pytest.mark.parametrize("cut", [None, -40])
@pytest.mark.parametrize(
    ("page", "name"),
    [
        ("cp932", NAME),
        ("cp866", "Папка/фото.jpg"),
        ("gbk", "照片.jpg"),
        ("cp949", "사진.jpg"),
        ("utf-8", "ü漢.jpg"),
    ],
)
def test_names_in_the_code_page_that_is_given(
    page: str, name: str, cut: int | None, tmp_path: Path
) -> None:
    """Also where they come from the members' own headers."""
    data = old_zip(name.encode(page))[:cut]
    assert names(data, tmp_path, page) == [name]
    (old,) = names(data, tmp_path)
    assert path_from_text(old).encode(CP437) == name.encode(page)


def test_names_that_say_what_they_are_written_in_are_left_alone(tmp_path: Path) -> None:
    assert names(zipped([("ü/漢字.jpg", b"1")]), tmp_path, "cp932") == ["ü/漢字.jpg"]


def test_bytes_that_the_code_page_does_not_know_are_kept(tmp_path: Path) -> None:
    raw = [b"\x81\xff", b"\x82\xff", b"x\xfd", b"\x81 x", b"\x8e\xca"]
    found = names(old_zip(*raw), tmp_path, "cp932")
    assert len(set(found)) == len(raw)
    back = [path_from_text(name).encode("cp932", "surrogateescape") for name in found]
    assert back == raw


@pytest.mark.parametrize("page", ["utf-7", "iso2022_jp", "hz", "johab", "shift_jis_2004", "ascii"])
def test_no_code_page_loses_a_member(page: str, tmp_path: Path) -> None:
    raw = [bytes([byte, 0x80, 0x41, number]) for number, byte in enumerate(b"+~\x1b\xff\x81\\")]
    (tmp_path / "z").write_bytes(old_zip(*raw))
    entries = checked(walk([tmp_path], Limits(), zip_names=page))
    assert len(entries) == len(raw) + 1


def test_a_name_in_unicode_beside_the_old_one_is_taken() -> None:
    field = unicode_path(OLD, NAME.encode())
    before = struct.pack("<HH", 0x5455, 1) + b"\0"
    assert member_name(OLD, 0, before + field, CP437) == NAME
    for other in (
        unicode_path(b"before it was renamed", b"another"),
        unicode_path(OLD, b"another", version=2),
        unicode_path(OLD, b"\xff"),
        unicode_path(OLD, b""),
        field[:-3][:4],
        b"\1",
    ):
        assert member_name(OLD, 0, other, "cp932") == NAME


def test_a_name_that_is_not_the_utf8_it_claims_is_kept() -> None:
    name = member_name(b"\xff\xfe", UTF8_FLAG, b"", "cp932")
    assert name.encode("utf-8", "surrogateescape") == b"\xff\xfe"


def test_one_code_page_has_one_name() -> None:
    assert code_page("SJIS") == code_page("shift-jis") == "shift_jis"
    assert code_page("437") == code_page(CP437) == CP437


@pytest.mark.parametrize(
    "name", ["", "none", "hex", "rot13", "utf-16", "cp037", "idna", "punycode", "unicode_escape",
             "undefined", "a\0b", "\udcff", "os", "encodings.cp437"]
)  # fmt: skip
def test_what_is_no_code_page_is_refused(name: str) -> None:
    with pytest.raises(CodePageError, match=r"is no code page .* cp932 \(Japanese\)"):
        code_page(name)
