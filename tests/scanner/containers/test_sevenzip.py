"""Protects: every member of a 7z has its bytes or its row; bombs and passwords are told."""

from __future__ import annotations

import io
import stat
from pathlib import Path
from typing import Any

import py7zr
import pytest

from scanner.limits import Limits
from scanner.record import Status
from scanner.sources.found import Fate
from tests.scanner.opening import LIMITS, opened
from tests.scanner.walking import contents, fates, rows, zipped

MEMBERS = {"a.jpg": b"1" * 1000, "f/b.jpg": b"22" * 1000, "empty": b"", "c": bytes(range(256)) * 9}
SECRETS: dict[str, dict[str, Any]] = {
    "contents": {"password": "geheim"},
    "header": {"password": "geheim", "header_encryption": True},
}


def sevenzip(members: dict[str, bytes], **options: Any) -> bytes:
    stream = io.BytesIO()
    with py7zr.SevenZipFile(stream, "w", **options) as archive:
        for name, content in members.items():
            archive.writestr(content, name)
    return stream.getvalue()


@pytest.mark.parametrize(
    "filters",
    [
        None,
        [{"id": py7zr.FILTER_COPY}],
        [{"id": py7zr.FILTER_BZIP2}],
        [{"id": py7zr.FILTER_ZSTD, "level": 3}],
        [{"id": py7zr.FILTER_X86}, {"id": py7zr.FILTER_LZMA2, "preset": 1}],
    ],
    ids=["default", "copy", "bzip2", "zstd", "bcj"],
)
def test_every_member_in_order(filters: Any, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(sevenzip(MEMBERS, filters=filters))
    entries = opened(tmp_path)
    assert contents(entries) == {f"a!/{name}": content for name, content in MEMBERS.items()}
    assert [entry.position for entry in entries] == [1, 2, 3, 4, 0]
    sentence = "an archive; what is in it has rows of its own"
    assert fates(entries) == {"a": Fate("an archive", Status.CONTAINER, sentence)}


def test_two_blocks_appended_to_each_other(tmp_path: Path) -> None:
    stream = io.BytesIO(sevenzip({"x": b"1" * 99}))
    with py7zr.SevenZipFile(stream, "a") as archive:
        archive.writestr(b"2" * 99, "y")
    (tmp_path / "a").write_bytes(stream.getvalue())
    assert contents(opened(tmp_path)) == {"a!/x": b"1" * 99, "a!/y": b"2" * 99}


def test_containers_inside(tmp_path: Path) -> None:
    inner = sevenzip({"x": b"1"})
    (tmp_path / "a.zip").write_bytes(zipped([("b.7z", sevenzip({"c.7z": inner}))]))
    assert contents(opened(tmp_path)) == {"a.zip!/b.7z!/c.7z!/x": b"1"}


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("passwords", [(), ("wrong",)])
def test_without_the_password_it_is_encrypted(
    secret: str, passwords: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / "a").write_bytes(sevenzip({"x": b"1" * 99, "y": b"2"}, **SECRETS[secret]))
    entries = opened(tmp_path, *passwords)
    assert contents(entries) == {}
    expected = {"a"} if secret == "header" else {"a!/x", "a!/y"}
    assert {path: status for path, (status, _) in rows(entries).items()} == dict.fromkeys(
        expected, Status.ENCRYPTED
    )


@pytest.mark.parametrize("secret", SECRETS)
def test_with_the_password_it_opens(secret: str, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(sevenzip({"x": b"1" * 99, "y": b"2"}, **SECRETS[secret]))
    assert contents(opened(tmp_path, "wrong", "geheim")) == {"a!/x": b"1" * 99, "a!/y": b"2"}


def test_damage_costs_no_row(tmp_path: Path) -> None:
    data = bytearray(sevenzip(MEMBERS))
    data[40:60] = bytes(20)
    (tmp_path / "a").write_bytes(data)
    met = rows(opened(tmp_path))
    damaged = {path for path, (status, _) in met.items() if status is Status.UNREADABLE}
    assert damaged >= {"a!/a.jpg", "a!/f/b.jpg", "a!/c"}


def test_a_wrong_checksum_costs_only_its_member(tmp_path: Path) -> None:
    data = sevenzip({"x": b"original", "y": b"2"}, filters=[{"id": py7zr.FILTER_COPY}])
    (tmp_path / "a").write_bytes(data.replace(b"original", b"tampered"))
    entries = opened(tmp_path)
    assert contents(entries) == {"a!/y": b"2"}
    assert rows(entries)["a!/x"][0] is Status.UNREADABLE


@pytest.mark.parametrize("kept", [6, 20, 60, -1])
def test_a_7z_cut_short_has_a_row(kept: int, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(sevenzip(MEMBERS)[:kept])
    assert [status for status, _ in rows(opened(tmp_path)).values()] == [Status.UNREADABLE]


def test_a_bomb_ends_at_the_ratio(tmp_path: Path) -> None:
    bomb = sevenzip({"small": b"1", "bomb": bytes(20_000_000), "behind": b"2"})
    (tmp_path / "a").write_bytes(bomb)
    limits = Limits(ratio=100, seconds=LIMITS.seconds)
    entries = opened(tmp_path, limits=limits)
    assert contents(entries) == {"a!/small": b"1"}
    assert rows(entries)["a"][0] is Status.OVER_LIMIT


def test_a_large_member_does_not_cost_those_behind_it(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(sevenzip({"large": b"1" * 5000, "small": b"2"}))
    entries = opened(tmp_path, limits=Limits(file_bytes=4999, seconds=LIMITS.seconds))
    assert contents(entries) == {"a!/small": b"2"}
    assert rows(entries)["a!/large"][0] is Status.OVER_LIMIT


def test_a_member_said_to_be_a_folder_is_read(tmp_path: Path) -> None:
    stream = io.BytesIO()
    with py7zr.SevenZipFile(stream, "w") as archive:
        for name, content in (("x", b"1"), ("y", b"22")):
            archive.writestr(content, name)
        first, _ = archive.header.files_info.files
        first["attributes"] = stat.FILE_ATTRIBUTE_DIRECTORY
    (tmp_path / "a").write_bytes(stream.getvalue())
    assert contents(opened(tmp_path)) == {"a!/x": b"1", "a!/y": b"22"}
