"""Protects: what hides in a zip behind another container is met, and so is the other container."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from scanner.record import Status
from tests.scanner.containers.rar_bytes import rar
from tests.scanner.containers.test_fuzz import CONTAINERS
from tests.scanner.walking import contents, rows, walked, zipped

HIDDEN = zipped([("hidden.jpg", b"hidden")], zipfile.ZIP_STORED)
KINDS = {kind: CONTAINERS[kind] for kind in ("7z", "pdf", "eml", "mbox")}
KINDS["rar"] = rar([("a.jpg", b"1" * 300)])
BEHIND = {"pdf": "trailing-data"}  # what a zip behind it is called


@pytest.mark.parametrize("kind", KINDS)
def test_both_are_read(kind: str, tmp_path: Path) -> None:
    (tmp_path / "alone").write_bytes(KINDS[kind])
    (tmp_path / "both").write_bytes(KINDS[kind] + HIDDEN)
    (tmp_path / "nested").write_bytes(zipped([("x", KINDS[kind] + HIDDEN)]))
    entries = walked(tmp_path)
    found = contents(entries)
    behind = BEHIND.get(kind, "archive")
    assert found[f"both!/{behind}!/hidden.jpg"] == b"hidden"
    assert found[f"nested!/x!/{behind}!/hidden.jpg"] == b"hidden"
    assert len([path for path in found if path.endswith("hidden.jpg")]) == 2
    for name in (path.removeprefix("alone") for path in found if path.startswith("alone")):
        assert {f"both{name}", f"nested!/x{name}"} <= found.keys()
    assert rows(entries) == {}


@pytest.mark.parametrize("kind", KINDS)
def test_damage_to_either_leaves_the_other(kind: str, tmp_path: Path) -> None:
    damaged = KINDS[kind][:20] + bytes(20) + KINDS[kind][40:]
    (tmp_path / "first").write_bytes(damaged + HIDDEN)
    (tmp_path / "second").write_bytes(KINDS[kind] + HIDDEN.replace(b"PK\3\4", b"PK\0\0"))
    entries = walked(tmp_path)
    found = {path for path in contents(entries) if path.endswith("hidden.jpg")}
    assert found in ({"first!/archive!/hidden.jpg"}, {"first!/trailing-data!/hidden.jpg"})
    assert any(path.startswith("second!/") for path in contents(entries))
    [unread] = (path for path in rows(entries) if path.endswith("hidden.jpg"))
    assert rows(entries)[unread][0] is Status.UNREADABLE


def test_a_member_named_archive_is_not_mistaken_for_the_zip_behind(tmp_path: Path) -> None:
    inner = rar([("archive", zipped([("hidden.jpg", b"other")]))])
    (tmp_path / "a").write_bytes(inner + HIDDEN)
    entries = walked(tmp_path)
    twice = ["a!/archive!/hidden.jpg"] * 2
    assert [entry.path for entry in entries] == ["a", "a!/archive", *twice]


def test_a_stored_zip_that_a_rar_ends_in_fails_nothing(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(rar([("in.zip", HIDDEN)]))
    entries = walked(tmp_path)
    assert contents(entries)["a!/in.zip!/hidden.jpg"] == b"hidden"
    assert rows(entries) == {}
