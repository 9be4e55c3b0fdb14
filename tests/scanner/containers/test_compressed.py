"""Protects: a single compressed file is expanded whole, or says that it could not be."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from scanner.record import Status
from tests.scanner.walking import COMPRESSIONS, contents, fates, rows, walked

CONTENT = random.Random(0).randbytes(300_000)

every_compression = pytest.mark.parametrize("compression", COMPRESSIONS)


@every_compression
def test_the_member_is_named_after_its_container(compression: str, tmp_path: Path) -> None:
    name = f"x.jpg.{compression}"
    (tmp_path / name).write_bytes(COMPRESSIONS[compression](CONTENT))
    assert contents(walked(tmp_path)) == {f"{name}!/x.jpg": CONTENT}


@every_compression
def test_concatenated_streams_are_one_file(compression: str, tmp_path: Path) -> None:
    compress = COMPRESSIONS[compression]
    (tmp_path / "x").write_bytes(compress(CONTENT) + compress(b"more"))
    assert contents(walked(tmp_path)) == {"x!/x": CONTENT + b"more"}


@every_compression
@pytest.mark.parametrize("missing", [1, 4, 1000, 200_000])
def test_a_truncated_file_is_reported(compression: str, missing: int, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(COMPRESSIONS[compression](CONTENT)[:-missing])
    entries = walked(tmp_path)
    assert contents(entries) == {}
    (row,) = rows(entries).values()
    assert row[0] is Status.UNREADABLE


@every_compression
def test_only_a_magic_number_is_reported(compression: str, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(COMPRESSIONS[compression](CONTENT)[:6])
    assert [status for status, _ in rows(walked(tmp_path)).values()] == [Status.UNREADABLE]


@every_compression
def test_garbage_inside_is_reported(compression: str, tmp_path: Path) -> None:
    data = bytearray(COMPRESSIONS[compression](CONTENT * 2))
    data[1000:1200] = bytes(200)
    (tmp_path / "x").write_bytes(data)
    entries = walked(tmp_path)
    assert len(contents(entries) | rows(entries)) == 1
    assert contents(entries) in ({}, {"x!/x": CONTENT * 2}), "wrong content never passes for right"
    assert fates(entries).keys() == {"x"}
