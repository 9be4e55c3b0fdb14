"""Protects: the benchmark of hash lists asks each for the same hashes, and finds what is listed."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks.known import __main__ as known
from benchmarks.known.lists import make_lists
from benchmarks.known.lookups import measure, open_known
from scanner.errors import ImgscanError
from scanner.hashes.known import read_lists


def test_every_kind_of_list_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known, "ROUNDS", 1)
    monkeypatch.setattr(known, "LOOKUPS", 50)
    monkeypatch.setattr(known, "LOOKUPS_FROM_DISK", 10)
    options = ["--hashes", "300", "--folder", str(tmp_path), "--output", str(tmp_path / "results")]
    result = CliRunner().invoke(known.main, options)
    assert result.exit_code == 0, result.output
    found = json.loads((tmp_path / "results" / "known.json").read_text())
    in_memory = [row for row in found["rows"] if "from_disk" not in row]
    assert [(row["processes"], row["in"]) for row in in_memory] == [
        (count, kind) for count in known.PROCESSES for kind in known.KINDS
    ]
    assert all(row["hits"] > 0 and row["misses"] > 0 for row in found["rows"])
    assert found["command"] == "python -m benchmarks.known --hashes 300"
    assert [path.name for path in tmp_path.iterdir()] == ["results"]  # the lists are gone


def test_the_lists_hold_the_same_hashes(tmp_path: Path) -> None:
    lists = make_lists(tmp_path, 500)
    with closing(sqlite3.connect(lists.database)) as database:
        listed = [row[0].lower() for row in database.execute("SELECT sha256 FROM FILE")]
    assert len(set(listed)) == 500
    assert listed == sorted(listed) == lists.text.read_text().split()
    assert bytes.fromhex("".join(listed)) == lists.sorted.read_bytes()
    both = read_lists([lists.database, lists.text], tmp_path / "index")
    assert all(both.match(digest) == "rds.db; list.txt" for digest in listed)


def test_a_wrong_answer_is_no_measurement(tmp_path: Path) -> None:
    lists = make_lists(tmp_path, 5)
    known = read_lists([lists.text], tmp_path / "index")
    with pytest.raises(ImgscanError, match="found what is not so"):
        measure(partial(open_known, known), [(["00" * 32], [])])


def test_a_disk_without_room_is_told(tmp_path: Path) -> None:
    with pytest.raises(ImgscanError, match="name another --folder or less --hashes"):
        make_lists(tmp_path, 10**12)
