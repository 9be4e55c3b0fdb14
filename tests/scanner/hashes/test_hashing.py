"""Reports stand on these hashes: they must be the standard ones, however the bytes are cut."""

from __future__ import annotations

import hashlib
from pathlib import Path

from scanner.hashes.hashing import Hashing, hash_bytes
from scanner.hashes.known import read_lists

DATA = bytes(range(256)) * 1000


def test_hashes_are_those_of_the_joined_chunks() -> None:
    whole = hash_bytes([DATA], md5=True)
    cut = hash_bytes((DATA[i : i + 777] for i in range(0, len(DATA), 777)), md5=True)
    assert whole == cut
    assert whole.sha256 == hashlib.sha256(DATA).hexdigest()
    assert whole.md5 == hashlib.md5(DATA).hexdigest()


def test_md5_is_taken_only_when_asked_for() -> None:
    assert hash_bytes([DATA], md5=False).md5 is None
    assert hash_bytes([], md5=False).sha256 == hashlib.sha256().hexdigest()


def test_a_list_of_md5_hashes_asks_for_md5(tmp_path: Path) -> None:
    for algorithm, takes_md5 in (("md5", True), ("sha256", False)):
        file = tmp_path / algorithm
        file.write_text(hashlib.new(algorithm, DATA).hexdigest())
        known = read_lists([file], tmp_path / "index")
        assert Hashing(known=known).takes_md5 is takes_md5
    assert Hashing(md5=True).takes_md5
    assert not Hashing().takes_md5
