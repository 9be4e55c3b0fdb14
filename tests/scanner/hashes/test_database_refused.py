"""Databases of hashes are refused where a part of them could not be found, or changed since."""

from __future__ import annotations

import os
import pickle
import random
import shlex
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from scanner.hashes.lists.database import ROWS
from scanner.hashes.lists.hash_list import KnownError
from tests.scanner.hashes.databases import (
    FULL,
    MD5,
    OTHERS,
    RDS3,
    SHA1,
    SHA256,
    make,
    rds,
    read,
    simple,
)


@pytest.mark.parametrize("index", ["", "CREATE INDEX other ON hashes (name, sha256)"])
def test_without_an_index_the_command_that_makes_one_is_told_and_works(
    tmp_path: Path, index: str
) -> None:
    file = tmp_path / "it's.db"
    statements = f"CREATE TABLE hashes (name, sha256); {index};"
    make(file, statements, [["a", SHA256]], "hashes")
    with pytest.raises(KnownError, match="has no index of its hashes") as refused:
        read(file)
    program, place, statement = shlex.split(str(refused.value).split("with: ")[1])
    assert (program, place) == ("sqlite3", str(file))
    make(file, statement)
    assert read(file).match(SHA256) == "it's.db"


def test_an_index_of_some_rows_is_none(tmp_path: Path) -> None:
    statements = "CREATE TABLE t (sha1, x); CREATE INDEX i ON t (sha1) WHERE x = 1;"
    with pytest.raises(KnownError, match="has no index of its hashes"):
        read(make(tmp_path / "a.db", statements, [[SHA1, 1], ["ab" * 20, 2]], "t"))
    statements = "CREATE TABLE t (h); CREATE VIEW v AS SELECT h AS sha1 FROM t;"
    with pytest.raises(KnownError, match=r"v\.sha1 is a view"):
        read(make(tmp_path / "b.db", statements, [[SHA1]], "t"))


@pytest.mark.parametrize(
    "odd", [None, "", 5, bytes.fromhex(SHA256), SHA256[:-1], "g" * 64, SHA256.title(), "ﬀ" * 64]
)
def test_what_no_lookup_would_find_refuses_the_database(tmp_path: Path, odd: object) -> None:
    """A row that nothing can match must not pass for one that was looked at."""
    with pytest.raises(KnownError, match=r"other things than hashes .* in hashes\.sha256"):
        read(simple(tmp_path / "a.db", [odd]))
    with pytest.raises(KnownError, match="other things than hashes"):
        read(simple(tmp_path / "b.db", [*OTHERS, odd]))


@pytest.mark.parametrize(
    "odd", [SHA256.title(), f"{SHA256}\n", SHA256[:-1], f"{SHA256}\0", SHA256[:-1] + "é"]
)
def test_what_no_lookup_would_find_is_seen_between_hashes(tmp_path: Path, odd: str) -> None:
    """Not at the ends of the index alone, and in whatever lot of rows it comes."""
    around = [f"{number:x}".rjust(64, "0") for number in range(ROWS)]
    around += [f"{number:x}".rjust(64, "f") for number in range(ROWS)]
    assert min(around) < odd < max(around)
    with pytest.raises(KnownError, match=r"other things than hashes .* in hashes\.sha256"):
        read(simple(tmp_path / "a.db", [*around, odd]))


def test_a_second_table_of_hashes_is_not_overlooked(tmp_path: Path) -> None:
    statements = "CREATE TABLE bad (md5 TEXT UNIQUE); CREATE TABLE good (sha256 TEXT UNIQUE);"
    file = make(tmp_path / "a.db", statements, [[MD5]], "bad")
    assert read(file).match(MD5) == "a.db"
    make(file, "", [[SHA256]], "good")
    with pytest.raises(KnownError, match=r"in good\.sha256 and in bad\.md5, and one column is"):
        read(file)


@pytest.mark.parametrize(
    "statements",
    [
        # Names of the NSRL's alone do not make one of its editions.
        "CREATE TABLE file (sha256 TEXT UNIQUE); CREATE TABLE known (sha256);",
        "CREATE TABLE METADATA (sha256 TEXT UNIQUE); CREATE TABLE known (md5);",
        "CREATE TABLE t (h TEXT UNIQUE, sha256 TEXT UNIQUE);"
        "CREATE TABLE u (h); CREATE VIEW known AS SELECT h AS sha1 FROM u;",
        "CREATE TABLE t (h TEXT UNIQUE); CREATE VIEW a AS SELECT h AS sha256 FROM t;"
        "CREATE TABLE u (h TEXT UNIQUE); CREATE VIEW b AS SELECT h AS sha256 FROM u;",
        'CREATE TABLE t (sha256 TEXT UNIQUE, "SHA-256" TEXT);',
        f"{RDS3} CREATE TABLE known (sha256);",
        f"{FULL} CREATE TABLE known (sha256);",
        f"{FULL} CREATE TABLE u (h); CREATE VIEW known AS SELECT h AS md5 FROM u;",
    ],
)
def test_a_database_of_which_only_a_part_would_be_asked_is_refused(
    tmp_path: Path, statements: str
) -> None:
    file = make(tmp_path / "a.db", statements)
    filled = {"sha1": SHA1, "md5": MD5, "object_id": 1}
    with closing(sqlite3.connect(file)) as database:
        for (table,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'"):
            names = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
            values = [filled.get(name, SHA256) for name in names]
            marks = ", ".join("?" * len(names))
            database.execute(f"INSERT OR IGNORE INTO {table} VALUES ({marks})", values)
        database.commit()
    with pytest.raises(KnownError, match=r"has hashes in .* and in .*, and one column is"):
        read(file)


def test_texts_that_are_none_refuse_the_database(tmp_path: Path) -> None:
    file = simple(tmp_path / "a.db", OTHERS)
    make(file, f"INSERT INTO hashes VALUES (CAST(x'80{'41' * 63}' AS TEXT))")
    with pytest.raises(KnownError, match=r"a\.db cannot be read: Could not decode to UTF-8"):
        read(file)


def test_a_table_that_cannot_be_read_is_not_passed_over(tmp_path: Path) -> None:
    """As of an SQLite with other modules: it may hold hashes."""
    file = simple(tmp_path / "a.db", [SHA256])
    with closing(sqlite3.connect(file)) as database:
        database.execute("PRAGMA writable_schema = ON")
        statement = "CREATE VIRTUAL TABLE odd USING nobody_has_this(sha256)"
        database.execute(
            "INSERT INTO sqlite_master VALUES ('table', 'odd', 'odd', 0, ?)", (statement,)
        )
        database.commit()
    with pytest.raises(KnownError, match="no such module: nobody_has_this"):
        read(file)


def test_databases_of_other_things_and_empty_ones_are_refused(tmp_path: Path) -> None:
    with pytest.raises(KnownError, match="without a column named sha256, sha1 or md5"):
        read(make(tmp_path / "other.db", "CREATE TABLE pictures (name, size)"))
    with pytest.raises(KnownError, match="holds no hashes"):
        read(rds(tmp_path / "empty.db", []))


@pytest.mark.parametrize("suffix", ["-wal", "-journal"])
@pytest.mark.parametrize("is_link", [False, True])
def test_changes_that_are_not_yet_in_the_database_refuse_it(
    tmp_path: Path, suffix: str, is_link: bool
) -> None:
    file = rds(tmp_path / "rds.db", [SHA256])
    named = file
    if is_link:
        named = tmp_path / "link"
        named.symlink_to(file)
    beside = Path(f"{file}{suffix}")
    beside.touch()
    assert read(named).match(SHA256)
    beside.write_bytes(b"changes")
    with pytest.raises(KnownError, match=rf"lies rds\.db{suffix} with changes"):
        read(named)


def test_a_cut_or_damaged_database_is_refused_where_that_shows(tmp_path: Path) -> None:
    whole = rds(tmp_path / "rds.db", OTHERS).read_bytes()
    for damaged in (whole[:-4096], whole[:100], whole[:5000], whole[:100] + b"\xff" * 4096):
        (tmp_path / "damaged.db").write_bytes(damaged)
        with pytest.raises(KnownError, match=r"damaged\.db cannot be read: "):
            read(tmp_path / "damaged.db")


def test_damage_that_shows_later_is_never_told_as_unknown(tmp_path: Path) -> None:
    """As where a disk fails, which gives a file no new time."""
    random.seed(4)
    listed = sorted(random.randbytes(32).hex() for _ in range(2_000))
    file = simple(tmp_path / "a.db", listed)
    before = file.stat()
    known = read(file)
    whole = file.read_bytes()
    damaged = bytearray(whole)
    # The page of the index that holds one from the middle, of which the beginning shows nothing.
    place = whole.rindex(listed[1_000].encode()) // 4096 * 4096
    damaged[place : place + 4096] = bytes(4096)
    file.write_bytes(damaged)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert known.match(listed[0])
    with pytest.raises(KnownError, match=r"a\.db cannot be read: database disk image is malformed"):
        known.match(listed[1_000])


def test_a_database_that_is_gone_is_told(tmp_path: Path) -> None:
    file = rds(tmp_path / "rds.db", [SHA256])
    known = read(file)
    file.unlink()
    with pytest.raises(KnownError, match=r"rds\.db cannot be read any more: No such file"):
        known.open()


def _add_a_row(file: Path) -> None:
    make(file, "", [[OTHERS[0]]], "hashes")


def _put_another_there(file: Path) -> None:
    before = file.stat()
    other = file.with_name("other")
    other.write_bytes(file.read_bytes())
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.replace(file)


@pytest.mark.parametrize("change", [_add_a_row, _put_another_there])
@pytest.mark.parametrize("is_link", [False, True])
def test_a_database_that_changes_meanwhile_is_not_asked(
    tmp_path: Path, change: Callable[[Path], None], is_link: bool
) -> None:
    """Its manifest would name a state in which files were not looked up."""
    file = named = simple(tmp_path / "a.db", [SHA256])
    if is_link:
        named = tmp_path / "link"
        named.symlink_to(file)
    known = read(named)
    known.check_unchanged()
    elsewhere = pickle.loads(pickle.dumps(known))
    change(file)
    for ask in (known.check_unchanged, elsewhere.open, lambda: elsewhere.match(SHA256)):
        with pytest.raises(KnownError, match=r"a\.db was changed during the scan"):
            ask()
