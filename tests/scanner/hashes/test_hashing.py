"""Reports stand on these hashes: they must be the standard ones, however the bytes are cut."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from scanner.hashes.hashing import WEAK, Hashes, Hashing, hash_bytes
from scanner.hashes.known import read_lists

DATA = bytes(range(256)) * 1000


def test_hashes_are_those_of_the_joined_chunks() -> None:
    whole = hash_bytes([DATA], WEAK)
    assert whole == hash_bytes((DATA[i : i + 777] for i in range(0, len(DATA), 777)), WEAK)
    assert whole.sha256 == hashlib.sha256(DATA).hexdigest()
    assert whole.sha1 == hashlib.sha1(DATA).hexdigest()
    assert whole.md5 == hashlib.md5(DATA).hexdigest()


def test_weak_hashes_are_taken_only_when_asked_for() -> None:
    assert hash_bytes([DATA]) == Hashes(hashlib.sha256(DATA).hexdigest(), None, None)
    assert hash_bytes([DATA], ["md5"]).sha1 is None
    assert hash_bytes([]).sha256 == hashlib.sha256().hexdigest()


@pytest.mark.parametrize(("algorithm", "taken"), [("md5", ("md5",)), ("sha256", ())])
def test_a_list_of_weak_hashes_asks_for_them(
    tmp_path: Path, algorithm: str, taken: tuple[str, ...]
) -> None:
    file = tmp_path / algorithm
    file.write_text(hashlib.new(algorithm, DATA).hexdigest())
    known = read_lists([file], tmp_path / "index")
    assert Hashing(known=known).weak == taken
    assert Hashing(sha1=True, known=known).weak == ("sha1", *taken)


def test_without_a_list_what_is_asked_for_is_taken() -> None:
    assert Hashing(sha1=True, md5=True).weak == WEAK
    assert Hashing(md5=True).weak == ("md5",)
    assert not Hashing().weak
