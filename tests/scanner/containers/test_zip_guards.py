"""Protects: encrypted, overlapping, self-extracting zips and Office documents."""

from __future__ import annotations

import base64
import io
import struct
import tarfile
import zipfile
from pathlib import Path

import pytest
import pyzipper
from backports.zstd import zipfile as modern_zipfile

from scanner.record import Status
from tests.conftest import image_bytes
from tests.scanner.opening import opened
from tests.scanner.walking import contents, rows, tarred, walked, zipped

# By Info-ZIP, as Python reads this encryption but does not write it; the password is "geheim".
ZIP_CRYPTO = base64.b64decode(
    "UEsDBBQACQAIAAAAIVhsw1cVFwAAABQAAAABAAAAeCHTecLnHtbDmB9y6kpQhKbqJlhqTkMdUEsHCGzDVxUX"
    "AAAAFAAAAFBLAQIeAxQACQAIAAAAIVhsw1cVFwAAABQAAAABAAAAAAAAAAEAAACkgQAAAAB4UEsFBgAAAAAB"
    "AAEALwAAAEYAAAAAAA=="
)
PLAIN = b"secret secret secret"


def winzip_aes() -> bytes:
    stream = io.BytesIO()
    with pyzipper.AESZipFile(
        stream, "w", compression=zipfile.ZIP_DEFLATED, encryption=pyzipper.WZ_AES
    ) as archive:
        archive.setpassword(b"geheim")
        archive.writestr("x", PLAIN)
    return stream.getvalue()


@pytest.mark.parametrize("data", [ZIP_CRYPTO, winzip_aes()], ids=["ZipCrypto", "AES"])
def test_passwords(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(data)
    assert rows(opened(tmp_path)) == {"a!/x": (Status.ENCRYPTED, "the member is encrypted")}
    sentence = "the member is encrypted and no given password opens it"
    wrong = [str(number) for number in range(300)]  # some pass ZipCrypto's check of one byte
    assert rows(opened(tmp_path, *wrong)) == {"a!/x": (Status.ENCRYPTED, sentence)}
    assert contents(opened(tmp_path, *wrong, "geheim")) == {"a!/x": PLAIN}


def test_an_open_member_beside_an_encrypted_one(tmp_path: Path) -> None:
    stream = io.BytesIO(winzip_aes())
    with zipfile.ZipFile(stream, "a") as archive:
        archive.writestr("y", b"open")
    (tmp_path / "a").write_bytes(stream.getvalue())
    entries = opened(tmp_path)
    assert contents(entries) == {"a!/y": b"open"}
    assert rows(entries)["a!/x"][0] is Status.ENCRYPTED
    assert contents(opened(tmp_path, "geheim")) == {"a!/x": PLAIN, "a!/y": b"open"}


def test_zstandard_members(tmp_path: Path) -> None:
    stream = io.BytesIO()
    with modern_zipfile.ZipFile(stream, "w", modern_zipfile.ZIP_ZSTANDARD) as archive:
        archive.writestr("x", b"1" * 1000)
    (tmp_path / "a").write_bytes(stream.getvalue())
    assert contents(opened(tmp_path)) == {"a!/x": b"1" * 1000}


def test_members_that_share_their_bytes_are_not_expanded(tmp_path: Path) -> None:
    """As in zip bombs: one kernel of data, and many members that say it is theirs."""
    data = bytearray(zipped([(str(number), bytes(999)) for number in range(9)]))
    (tmp_path / "honest").write_bytes(data)
    end = data.index(b"PK\x01\x02")
    at = end
    while (at := data.find(b"PK\x01\x02", at)) >= 0:
        start = struct.unpack_from("<I", data, at + 42)[0]
        struct.pack_into("<I", data, at + 20, end - start - 31)
        at += 4
    (tmp_path / "bomb").write_bytes(data)
    entries = opened(tmp_path)
    assert len(contents(entries)) >= 9
    bomb = {path: row for path, row in rows(entries).items() if path.startswith("bomb")}
    assert {path for path, (status, _) in bomb.items() if status is Status.OVER_LIMIT} == {
        f"bomb!/{number}" for number in range(8)
    }
    assert all("zip bomb" in bomb[f"bomb!/{number}"][1] for number in range(8))


@pytest.mark.parametrize("program", [b"MZ", b"\x7fELF", b"#!/usr/bin/python3\n"])
def test_a_self_extracting_archive(program: bytes, tmp_path: Path) -> None:
    program += bytes(5000)
    (tmp_path / "a.exe").write_bytes(program + zipped([("x", b"1")]))
    (tmp_path / "b.exe").write_bytes(program)
    assert contents(opened(tmp_path)) == {"a.exe!/x": b"1", "b.exe": program}


@pytest.mark.parametrize("before", [bytes(100), b"any text", image_bytes(), image_bytes("BMP")])
def test_an_archive_behind_other_content_and_that_content(before: bytes, tmp_path: Path) -> None:
    data = before + zipped([("x", b"1"), ("x.jpg", image_bytes(seed=1))])
    (tmp_path / "a").write_bytes(data)
    (tmp_path / "b.zip").write_bytes(zipped([("c", data), ("d", data)]))
    for path in ("a", "b.zip!/c", "b.zip!/d"):
        found = {key: it for key, it in contents(walked(tmp_path)).items() if key.startswith(path)}
        assert found == {
            path: data,
            f"{path}!/archive!/x": b"1",
            f"{path}!/archive!/x.jpg": image_bytes(seed=1),
        }


def test_an_end_record_alone_is_no_archive(tmp_path: Path) -> None:
    """Programs that read zips hold one, as do compiled Python modules."""
    for name, data in (("a", zipped([])), ("b", zipped([])[:12]), ("c", b"PK\5\6" + b"\xff" * 40)):
        (tmp_path / name).write_bytes(b"program" + data + bytes(30))
    assert contents(opened(tmp_path)).keys() == {"a", "b", "c"}
    assert rows(opened(tmp_path)) == {}


def test_a_damaged_archive_behind_an_image_has_a_row_of_its_own(tmp_path: Path) -> None:
    archive = bytearray(zipped([("x", b"1"), ("y", b"2")]))
    archive[archive.rindex(b"PK\x01\x02")] ^= 1
    (tmp_path / "a").write_bytes(image_bytes() + archive)
    entries = walked(tmp_path)
    assert contents(entries) == {"a": image_bytes() + archive}
    assert rows(entries)["a!/archive"][0] is Status.UNREADABLE


def test_an_archive_in_a_tar_does_not_hide_the_tar(tmp_path: Path) -> None:
    members = [("x.jpg", image_bytes()), ("y.zip", zipped([("y", b"1")], zipfile.ZIP_STORED))]
    (tmp_path / "a").write_bytes(tarred(members))
    assert contents(opened(tmp_path)) == {"a!/x.jpg": image_bytes(), "a!/y.zip!/y": b"1"}


def test_an_image_that_is_a_tar_as_well_is_both(tmp_path: Path) -> None:
    data = tarred([("GIF89a", b"1")], tarfile.USTAR_FORMAT)
    (tmp_path / "a").write_bytes(data)
    assert contents(opened(tmp_path)) == {"a": data, "a!/archive!/GIF89a": b"1"}


@pytest.mark.parametrize(
    ("name", "media"),
    [
        ("a.docx", "word/media/image1.jpeg"),
        ("a.pptx", "ppt/media/image1.jpeg"),
        ("a.xlsx", "xl/media/image1.jpeg"),
        ("a.odt", "Pictures/1000.jpg"),
    ],
)
def test_office_documents_give_their_pictures_and_all_else(
    name: str, media: str, tmp_path: Path
) -> None:
    parts = [("mimetype", b"x"), ("content.xml", b"<x/>"), (media, image_bytes())]
    (tmp_path / name).write_bytes(zipped(parts))
    found = contents(opened(tmp_path))
    assert found == {f"{name}!/{part}": content for part, content in parts}
