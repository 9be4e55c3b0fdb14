"""Protects: RAR members are read, through an installed program where need be, or say what to do."""

from __future__ import annotations

import io
import os
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import pytest
import rarfile

from scanner.containers.container import MemberError
from scanner.containers.rar import MISSING_VOLUME, TOOLS, members
from scanner.environment import PROGRAMS
from scanner.record import Status
from tests.scanner.containers.rar_bytes import FASTEST, rar, split_rar
from tests.scanner.opening import LIMITS, opened
from tests.scanner.walking import contents, rows, zipped

MEMBERS = [("a.jpg", b"1" * 300), ("f/[ü] 1.jpg", bytes(range(256)))]
CONTENTS = {f"a.rar!/{name}": content for name, content in MEMBERS}

needs_program = pytest.mark.skipif(
    not any(map(shutil.which, PROGRAMS)), reason=f"none of {', '.join(PROGRAMS)} is installed"
)


@pytest.fixture
def no_program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(rarfile, "CURRENT_SETUP", None)


def read(stream: BinaryIO) -> dict[str, bytes]:
    """Members read in this process, which a test can take programs away from."""
    found = {}
    for member in members(stream, "a.rar", LIMITS, ()):
        assert member.open is not None
        with member.open() as content:
            found[member.path] = content.read(1 << 20)
    return found


@pytest.mark.usefixtures("no_program")
def test_stored_members_need_no_program() -> None:
    assert read(io.BytesIO(rar(MEMBERS))) == CONTENTS


@pytest.mark.usefixtures("no_program")
def test_a_missing_program_is_named() -> None:
    with pytest.raises(MemberError, match="install unrar") as raised:
        read(io.BytesIO(rar(MEMBERS, FASTEST)))
    assert raised.value.status is Status.UNSUPPORTED


@needs_program
def test_compressed_members_are_unpacked(tmp_path: Path) -> None:
    (tmp_path / "a.rar").write_bytes(rar(MEMBERS, FASTEST))
    (tmp_path / "z").write_bytes(zipped([("a.rar", rar(MEMBERS))]))
    inside = {f"z!/{path}": content for path, content in CONTENTS.items()}
    assert contents(opened(tmp_path)) == CONTENTS | inside


@needs_program
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has files in memory")
def test_a_rar_that_is_no_file_is_unpacked_without_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: object) -> None:
        raise AssertionError("a file was to be written")

    monkeypatch.setattr(rarfile, "mkstemp", refuse)
    assert read(io.BytesIO(rar(MEMBERS, FASTEST))) == CONTENTS


def test_volumes_beside_the_first_are_read(tmp_path: Path) -> None:
    for number, volume in enumerate(split_rar("x.jpg", [b"1" * 300, b"2" * 300, b"3"]), 1):
        (tmp_path / f"a.part{number}.rar").write_bytes(volume)
    entries = opened(tmp_path)
    assert contents(entries) == {"a.part1.rar!/x.jpg": b"1" * 300 + b"2" * 300 + b"3"}
    assert rows(entries) == {}


def test_every_program_that_may_run_is_known_to_rarfile() -> None:
    assert list(TOOLS) == list(PROGRAMS)
    assert {getattr(rarfile, tool) for tool in TOOLS.values()} >= set(PROGRAMS) - {
        name for name in PROGRAMS if shutil.which(name)
    }


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="needs links")
def test_a_volume_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    """It may lead out of the evidence, whose report must not show what lies elsewhere."""
    (tmp_path / "evidence").mkdir()
    parts = split_rar("x.jpg", [b"1" * 300, b"2" * 300, b"3"])
    (tmp_path / "evidence" / "a.part1.rar").write_bytes(parts[0])
    for number in (2, 3):
        (tmp_path / f"a.part{number}.rar").write_bytes(parts[number - 1])
        link = tmp_path / "evidence" / f"a.part{number}.rar"
        link.symlink_to(tmp_path / f"a.part{number}.rar")
    entries = opened(tmp_path / "evidence")
    assert contents(entries) == {}
    assert rows(entries)["a.part1.rar"][0] is Status.UNSUPPORTED


def test_a_missing_volume_has_a_row(tmp_path: Path) -> None:
    """The same one wherever the archive lies, or reports of the same evidence would differ."""
    first, _ = split_rar("x.jpg", [b"1" * 300, b"2" * 300])
    (tmp_path / "no number").write_bytes(first)
    (tmp_path / "a.zip").write_bytes(zipped([("no number", first), ("a.part1.rar", first)]))
    met = rows(opened(tmp_path))
    for archive in ("no number", "a.zip!/no number", "a.zip!/a.part1.rar"):
        assert met[archive] == (Status.UNSUPPORTED, MISSING_VOLUME)
        assert met[f"{archive}!/x.jpg"] == (Status.UNREADABLE, MISSING_VOLUME)
    large = rows(opened(tmp_path / "no number", limits=replace(LIMITS, file_bytes=100)))
    assert large["no number"] == (Status.UNSUPPORTED, MISSING_VOLUME)


def test_a_rar_too_large_for_memory_is_read_where_it_lies(tmp_path: Path) -> None:
    (tmp_path / "a.rar").write_bytes(rar(MEMBERS))
    assert contents(opened(tmp_path, limits=replace(LIMITS, file_bytes=400))) == CONTENTS


@needs_program
def test_broken_compressed_data_costs_only_its_member(tmp_path: Path) -> None:
    data = bytearray(rar([("x", b"tampered" * 9), ("y", b"2")], FASTEST))
    start = data.index(b"x") + 70
    data[start : start + 8] = bytes(8)
    (tmp_path / "a").write_bytes(data)
    entries = opened(tmp_path)
    assert contents(entries) == {"a!/y": b"2"}
    assert rows(entries)["a!/x"][0] is Status.UNREADABLE


def test_a_wrong_checksum_costs_only_its_member(tmp_path: Path) -> None:
    data = rar([("x", b"original"), ("y", b"2")]).replace(b"original", b"tampered")
    (tmp_path / "a").write_bytes(data)
    entries = opened(tmp_path)
    assert contents(entries) == {"a!/y": b"2"}
    assert rows(entries)["a!/x"][0] is Status.UNREADABLE


def test_a_broken_header_has_a_row(tmp_path: Path) -> None:
    data = rar([("x", b"1"), ("y", b"2")])
    (tmp_path / "a").write_bytes(data[:12] + bytes(8) + data[20:])
    assert rows(opened(tmp_path))["a"][0] in (Status.UNREADABLE, Status.NOT_IMAGE)
