"""Protects: any path, however hostile, has one text form that no other path shares."""

from __future__ import annotations

import itertools
import os

import pytest

from scanner.record import UNEXAMINED, Status, path_from_text, path_text

PATHS = [
    "plain.jpg",
    "with space.jpg",
    "umlaut-ü-漢字-🖼.jpg",
    "line\nbreak.jpg",
    "carriage\rreturn\ttab.jpg",
    "nul-free\x01\x1f\x7f.jpg",
    "back\\slash.jpg",
    "trailing\\",
    "\\x0a is not a newline.jpg",
    "\\\\x0a.jpg",
    os.fsdecode(b"latin-\xe4\xff.jpg"),
    os.fsdecode(b"half-utf8-\xe6\xbc.jpg"),
    "\\xff.jpg",
    os.fsdecode(b"\xff.jpg"),
    "=cmd|' /C calc'!A0",
    "",
]


@pytest.mark.parametrize("path", PATHS)
def test_round_trip(path: str) -> None:
    assert path_from_text(path_text(path)) == path


@pytest.mark.parametrize("path", PATHS)
def test_text_is_one_encodable_line(path: str) -> None:
    text = path_text(path)
    text.encode("utf-8")
    assert text.isprintable() or "🖼" in text
    assert len(text.splitlines()) <= 1


def test_different_paths_have_different_texts() -> None:
    letters = ["\\", "x", "0", "a", "\n", os.fsdecode(b"\xff"), "!", "/"]
    paths = ["".join(word) for n in range(5) for word in itertools.product(letters, repeat=n)]
    assert len({path_text(path) for path in paths}) == len(paths)


def test_ordinary_names_stay_readable() -> None:
    for name in ("IMG_0001.JPG", "Ünïcode/漢字.png", "50% (copy) [1]!.jpg", 'O\'Neil, "x".jpg'):
        assert path_text(name) == name


def test_a_folder_cannot_pass_for_an_archive() -> None:
    """`a.zip!/x.jpg` names a member of a.zip, never a file in a folder called `a.zip!`."""
    assert "!/" not in path_text("a.zip!/x.jpg")
    assert path_from_text(path_text("a.zip!/x.jpg")) == "a.zip!/x.jpg"


def test_a_failure_never_counts_as_examined() -> None:
    assert {
        Status.UNREADABLE,
        Status.ENCRYPTED,
        Status.OVER_LIMIT,
        Status.TIMEOUT,
        Status.CRASHED,
        Status.UNSUPPORTED,
    } == UNEXAMINED
