"""Protects: every container has one row of its own, with its bytes, whatever became of it."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import py7zr
from PIL import Image

from scanner.limits import Limits
from scanner.record import Status
from scanner.sources.found import Fate, Found
from tests.conftest import encoded, image_bytes
from tests.scanner.containers.rar_bytes import rar
from tests.scanner.walking import COMPRESSIONS, content, fates, tarred, walked, zipped

MEMBERS = [("x", b"1")]


def sevenzip(**options: Any) -> bytes:
    stream = io.BytesIO()
    with py7zr.SevenZipFile(stream, "w", **options) as archive:
        archive.writestr(b"1", "x")
    return stream.getvalue()


ARCHIVES = {
    "zip": zipped(MEMBERS),
    "tar": tarred(MEMBERS),
    "txz": COMPRESSIONS["xz"](tarred(MEMBERS)),
    "gz": COMPRESSIONS["gz"](b"1"),
    "7z": sevenzip(),
    "rar": rar(MEMBERS),
    "exe": b"MZ" + zipped(MEMBERS),
}
NOUNS = dict.fromkeys(ARCHIVES, "an archive") | {"pdf": "a PDF document", "eml": "an e-mail"}
CONTAINERS = ARCHIVES | {
    "pdf": encoded(Image.new("RGB", (32, 32)), "PDF"),
    "eml": b"Message-ID: <1>\nFrom: a\nSubject: b\n\ntext\n",
}


def opened(noun: str) -> Fate:
    return Fate(noun, Status.CONTAINER, f"{noun}; what is in it has rows of its own")


def test_containers_of_every_kind_are_hashed(tmp_path: Path) -> None:
    """Those that lie in others, too."""
    for name, data in CONTAINERS.items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "all").write_bytes(zipped(CONTAINERS.items()))
    entries = walked(tmp_path)
    fate = {name: opened(noun) for name, noun in NOUNS.items()}
    inside = {f"all!/{name}": opened(noun) for name, noun in NOUNS.items()}
    assert fates(entries) == fate | inside | {"all": opened("an archive")}
    kept = {entry.path: content(entry) for entry in entries if isinstance(entry, Found)}
    for name, data in CONTAINERS.items():
        assert kept[name] == kept[f"all!/{name}"] == data


def test_what_cannot_be_opened_is_hashed_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "cut").write_bytes(zipped(MEMBERS)[:-30])
    (tmp_path / "empty").write_bytes(zipped([]))
    (tmp_path / "locked").write_bytes(sevenzip(password="geheim", header_encryption=True))
    entries = walked(tmp_path)
    assert {path: fate.status for path, fate in fates(entries).items()} == {
        "cut": Status.UNREADABLE,
        "empty": Status.NOT_IMAGE,
        "locked": Status.ENCRYPTED,
    }
    assert [entry.path for entry in entries] == ["cut", "cut!/x", "empty", "locked"]


def test_one_archive_may_fare_differently_in_two_places(tmp_path: Path) -> None:
    """What became of it is its place's, not that of its bytes."""
    inner = zipped(MEMBERS)
    (tmp_path / "a").write_bytes(inner)
    (tmp_path / "b").write_bytes(zipped([("inner", inner)]))
    found = fates(walked(tmp_path, limits=Limits(depth=1)))
    reason = "archives nested deeper than the limit of 1"
    too_deep = Fate("an archive", Status.OVER_LIMIT, reason)
    assert found == {"a": opened("an archive"), "b!/inner": too_deep, "b": opened("an archive")}


def test_a_container_in_an_image_has_the_images_row(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(image_bytes() + zipped(MEMBERS))
    entries = walked(tmp_path)
    assert [(entry.path, entry.position) for entry in entries] == [("a", 0), ("a!/archive!/x", 1)]
    assert fates(entries) == {}


def test_positions_are_the_same_in_every_walk(tmp_path: Path) -> None:
    """A scan that was interrupted finds its records by them."""
    nested = zipped([("x", b"1"), ("empty.zip", zipped([])), ("y", b"2")])
    image = image_bytes() + zipped([("x", b"1"), ("nested.zip", nested)])
    members = [("nested.zip", nested), ("image", image), ("z", b"3")]
    (tmp_path / "a.tar").write_bytes(tarred(members))
    places = [(entry.path, entry.position) for entry in walked(tmp_path)]
    assert places == [(entry.path, entry.position) for entry in walked(tmp_path)]
    assert sorted(position for _, position in places) == list(range(len(places)))
