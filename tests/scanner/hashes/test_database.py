"""SQLite databases of hashes, such as the NSRL's, are asked as they lie there."""

from __future__ import annotations

import hashlib
import os
import pickle
import random
import subprocess
import sys
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath

import pytest

from scanner.hashes.known import KnownHashes, read_lists
from scanner.hashes.lists.database import uri
from scanner.hashes.lists.hash_list import HashDatabase
from tests.scanner.hashes.databases import (
    FULL,
    MD5,
    OTHERS,
    RDS3,
    RDS3_OLD,
    SHA1,
    SHA256,
    make,
    rds,
    read,
    simple,
)


def _described(known: KnownHashes) -> HashDatabase:
    (described,) = known.lists
    assert isinstance(described, HashDatabase)
    return described


@pytest.mark.parametrize("schema", [RDS3, RDS3_OLD])
def test_the_nsrls_databases_are_asked_by_sha256(tmp_path: Path, schema: str) -> None:
    file = rds(tmp_path / "rds.db", [SHA256, *OTHERS], schema)
    known = read(file)
    assert known.match(SHA256, SHA1, MD5) == "rds.db"
    assert known.match(hashlib.sha256(b"?").hexdigest(), SHA1, MD5) is None
    assert known.algorithms == {"sha256"}
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    said = "2025.03.1 RDS modern"
    assert _described(known) == HashDatabase("rds.db", sha256, "FILE", "sha256", "sha256", said)


def test_full_sets_are_asked_where_their_hashes_lie(tmp_path: Path) -> None:
    row = (1, SHA256.upper(), SHA1.upper(), MD5.upper())
    known = read(make(tmp_path / "full.db", FULL, [row], "METADATA"))
    assert _described(known).table == "METADATA"
    assert known.match(SHA256) == "full.db"


def test_a_view_will_do_where_its_table_names_hashes_otherwise(tmp_path: Path) -> None:
    statements = """
        CREATE TABLE t (h TEXT PRIMARY KEY);
        CREATE VIEW known AS SELECT h AS md5 FROM t;
        CREATE VIEW broken AS SELECT sha256 FROM gone;
    """
    known = read(make(tmp_path / "view.db", statements, [[MD5]], "t"))
    assert _described(known).table == "known"
    assert known.algorithms == {"md5"}
    assert known.match(SHA256, MD5) == "view.db"
    assert known.match(SHA256, OTHERS[0][:32]) is None


@pytest.mark.parametrize("column", ["sha256", '"SHA-256"', '"Sha 256"'])
@pytest.mark.parametrize("digits", [SHA256, SHA256.upper()])
def test_digits_of_either_case_are_found(tmp_path: Path, digits: str, column: str) -> None:
    assert read(simple(tmp_path / "a.db", [digits], column)).match(SHA256) == "a.db"


def test_the_best_hash_that_an_index_finds_is_looked_up(tmp_path: Path) -> None:
    statements = """
        CREATE TABLE hashes (sha256, sha1, md5);
        CREATE INDEX one ON hashes (md5); CREATE INDEX two ON hashes (sha1, sha256);
    """
    known = read(make(tmp_path / "a.db", statements, [[SHA256, SHA1, MD5]], "hashes"))
    assert known.algorithms == {"sha1"}
    assert known.match(SHA1) == "a.db"


def test_rows_may_differ_in_the_case_of_their_digits(tmp_path: Path) -> None:
    known = read(simple(tmp_path / "a.db", [SHA256.upper(), *OTHERS]))
    assert all(known.match(digest) for digest in (SHA256, *OTHERS))


def test_a_hash_that_some_rows_lack_gives_way_to_one_that_none_lacks(tmp_path: Path) -> None:
    statements = "CREATE TABLE t (sha256 TEXT UNIQUE, md5 TEXT UNIQUE);"
    known = read(make(tmp_path / "a.db", statements, [[None, MD5], [OTHERS[0], "ab" * 16]], "t"))
    assert known.algorithms == {"md5"}
    assert known.match(OTHERS[0], MD5) == "a.db"


def test_a_database_in_wal_mode_is_read_and_left_as_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "lists"
    folder.mkdir()
    file = rds(folder / "rds.db", [SHA256], f"PRAGMA journal_mode = WAL; {RDS3}")
    before = file.read_bytes()
    folder.chmod(0o500)
    try:
        assert read_lists([file], tmp_path / "index").match(SHA256) == "rds.db"
    finally:
        folder.chmod(0o700)
    assert os.listdir(folder) == ["rds.db"]  # noqa: PTH208
    assert file.read_bytes() == before


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names are text, or not of all marks")
@pytest.mark.parametrize(
    "name", [b"a?mode=rw#%.db", b"%41.db", b"a b&vfs=none", b"\xff\xfe.db", b"file:a.db", b"'\"\n"]
)
def test_no_name_of_a_file_is_taken_for_anything_else(tmp_path: Path, name: bytes) -> None:
    file = rds(tmp_path / os.fsdecode(name), [SHA256])
    known = read(file)
    assert known.match(SHA256)
    assert sorted(os.listdir(os.fsencode(tmp_path))) == sorted([name, b"index"])  # noqa: PTH208


def test_a_table_may_have_any_name(tmp_path: Path) -> None:
    statements = """CREATE TABLE "a ""b"" --; DROP" (sha256 TEXT PRIMARY KEY)"""
    file = make(tmp_path / "a.db", statements, [[SHA256]], '"a ""b"" --; DROP"')
    assert read(file).match(SHA256) == "a.db"


def test_the_same_database_is_described_alike_wherever_it_lies(tmp_path: Path) -> None:
    """Or a scan could not be carried on, nor compared, after a list was copied."""
    file = simple(tmp_path / "a.db", [SHA256])
    (tmp_path / "folder").mkdir()
    copy = tmp_path / "folder" / "a.db"
    copy.write_bytes(file.read_bytes())
    assert read(copy).lists == read(file).lists


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        (PurePosixPath("/lists/a b.db"), "file:///lists/a%20b.db"),
        (PurePosixPath("//lists/a.db"), "file:////lists/a.db"),
        (PureWindowsPath("C:/lists/a.db"), "file:///C:/lists/a.db"),
        # SQLite takes what stands behind two slashes for a host, and refuses all but this one.
        (PureWindowsPath("//server/share/a?.db"), "file:////server/share/a%3F.db"),
    ],
)
def test_databases_on_shares_have_no_host(file: PurePath, expected: str) -> None:
    assert uri(file) == expected


def test_a_large_database_agrees_with_a_set_and_serves_other_processes(tmp_path: Path) -> None:
    random.seed(4)
    listed = {random.randbytes(32).hex() for _ in range(20_000)}
    known = read(rds(tmp_path / "rds.db", listed))
    assert all(known.match(digest) for digest in listed)
    assert not any(known.match(random.randbytes(32).hex()) for _ in range(20_000))
    assert (tmp_path / "index").stat().st_size == 32  # nothing was copied
    (tmp_path / "known").write_bytes(pickle.dumps(known))  # though it is open here
    asked = "import pickle, sys; print(pickle.load(open('known', 'rb')).match(*sys.argv[1:]))"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    for digest, answer in ((min(listed), "rds.db"), (SHA256, "None")):
        done = subprocess.run(
            [sys.executable, "-c", asked, digest],
            cwd=tmp_path, env=environment, capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert done.stdout == f"{answer}\n"


def test_databases_stand_beside_lists(tmp_path: Path) -> None:
    lists = [rds(tmp_path / "rds.db", OTHERS), tmp_path / "a.txt", tmp_path / "b.txt"]
    lists[1].write_text(f"{SHA256}\n{MD5}\n")
    lists[2].write_text(f"{OTHERS[0]}\n")
    known = read_lists([lists[1], lists[0], lists[2]], tmp_path / "index")
    assert known.match(OTHERS[0]) == "rds.db; b.txt"
    assert known.match(SHA256, MD5) == "a.txt"
    assert known.algorithms == {"md5", "sha256"}
