"""SQLite databases of hashes, such as the NSRL's, are asked as they lie there, or refused."""

from __future__ import annotations

import hashlib
import os
import pickle
import random
import shlex
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath

import pytest

from scanner.hashes.known import KnownHashes, read_lists
from scanner.hashes.lists.database import ROWS, uri
from scanner.hashes.lists.hash_list import HashDatabase, KnownError

DATA = b"the content of a known file"
MD5, SHA1, SHA256 = (hashlib.new(name, DATA).hexdigest() for name in ("md5", "sha1", "sha256"))
OTHERS = [hashlib.sha256(bytes([number])).hexdigest() for number in range(9)]

# The NSRL's own statements; editions of before 2024 have no crc32 in the key.
RDS3 = """
CREATE TABLE FILE (sha256 VARCHAR NOT NULL, sha1 VARCHAR NOT NULL, md5 VARCHAR NOT NULL,
    crc32 VARCHAR NOT NULL, file_name VARCHAR NOT NULL, file_size INTEGER NOT NULL,
    package_id INTEGER NOT NULL, CONSTRAINT PK_FILE__FILE PRIMARY KEY
    (sha256, sha1, md5, crc32, file_name, file_size, package_id));
CREATE TABLE VERSION (version VARCHAR UNIQUE NOT NULL, build_set VARCHAR NOT NULL,
    build_date TIMESTAMP NOT NULL, release_date TIMESTAMP NOT NULL, description VARCHAR NOT NULL,
    CONSTRAINT PK_VERSION__VERSION PRIMARY KEY (version));
INSERT INTO VERSION VALUES ('2025.03.1', 'modern', '2025-03-01', '2025-03-01', 'RDS modern');
CREATE VIEW DISTINCT_HASH AS SELECT DISTINCT sha256, sha1, md5, crc32 FROM FILE;
"""
RDS3_OLD = RDS3.replace("(sha256, sha1, md5, crc32, file_name", "(sha256, sha1, md5, file_name")
# In the manner of the full sets, where FILE is a view.
FULL = """
CREATE TABLE METADATA (object_id INTEGER PRIMARY KEY, sha256 VARCHAR, sha1 VARCHAR, md5 VARCHAR);
CREATE TABLE NAME (object_id INTEGER, file_name VARCHAR);
CREATE INDEX by_sha256 ON METADATA (sha256);
CREATE VIEW FILE AS SELECT sha256, sha1, md5, file_name FROM METADATA JOIN NAME USING (object_id);
CREATE TABLE VERSION (version, build_set, build_date, release_date, description);
"""


def _make(
    file: Path, statements: str, rows: Iterable[Sequence[object]] = (), into: str = ""
) -> Path:
    with closing(sqlite3.connect(file)) as database:
        database.executescript(statements)
        rows = list(rows)
        if rows:
            marks = ", ".join("?" * len(rows[0]))
            database.executemany(f"INSERT INTO {into} VALUES ({marks})", rows)
        database.commit()
    return file


def _rds(file: Path, digests: Iterable[str], schema: str = RDS3) -> Path:
    rows = ((it.upper(), SHA1.upper(), MD5.upper(), "0", "a.dll", 27, 1) for it in digests)
    return _make(file, schema, rows, "FILE")


def _simple(file: Path, values: Iterable[object], column: str = "sha256") -> Path:
    statements = f"CREATE TABLE hashes ({column}); CREATE INDEX i ON hashes ({column});"
    return _make(file, statements, ([value] for value in values), "hashes")


def _read(file: Path) -> KnownHashes:
    return read_lists([file], file.parent / "index")


def _described(known: KnownHashes) -> HashDatabase:
    (described,) = known.lists
    assert isinstance(described, HashDatabase)
    return described


@pytest.mark.parametrize("schema", [RDS3, RDS3_OLD])
def test_the_nsrls_databases_are_asked_by_sha256(tmp_path: Path, schema: str) -> None:
    file = _rds(tmp_path / "rds.db", [SHA256, *OTHERS], schema)
    known = _read(file)
    assert known.match(SHA256, SHA1, MD5) == "rds.db"
    assert known.match(hashlib.sha256(b"?").hexdigest(), SHA1, MD5) is None
    assert known.algorithms == {"sha256"}
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    said = "2025.03.1 RDS modern"
    assert _described(known) == HashDatabase("rds.db", sha256, "FILE", "sha256", "sha256", said)


def test_full_sets_are_asked_where_their_hashes_lie(tmp_path: Path) -> None:
    row = (1, SHA256.upper(), SHA1.upper(), MD5.upper())
    known = _read(_make(tmp_path / "full.db", FULL, [row], "METADATA"))
    assert _described(known).table == "METADATA"
    assert known.match(SHA256) == "full.db"


def test_a_view_will_do_where_its_table_names_hashes_otherwise(tmp_path: Path) -> None:
    statements = """
        CREATE TABLE t (h TEXT PRIMARY KEY);
        CREATE VIEW known AS SELECT h AS md5 FROM t;
        CREATE VIEW broken AS SELECT sha256 FROM gone;
    """
    known = _read(_make(tmp_path / "view.db", statements, [[MD5]], "t"))
    assert _described(known).table == "known"
    assert known.algorithms == {"md5"}
    assert known.match(SHA256, MD5) == "view.db"
    assert known.match(SHA256, OTHERS[0][:32]) is None


@pytest.mark.parametrize("column", ["sha256", '"SHA-256"', '"Sha 256"'])
@pytest.mark.parametrize("digits", [SHA256, SHA256.upper()])
def test_digits_of_either_case_are_found(tmp_path: Path, digits: str, column: str) -> None:
    assert _read(_simple(tmp_path / "a.db", [digits], column)).match(SHA256) == "a.db"


def test_the_best_hash_that_an_index_finds_is_looked_up(tmp_path: Path) -> None:
    statements = """
        CREATE TABLE hashes (sha256, sha1, md5);
        CREATE INDEX one ON hashes (md5); CREATE INDEX two ON hashes (sha1, sha256);
    """
    known = _read(_make(tmp_path / "a.db", statements, [[SHA256, SHA1, MD5]], "hashes"))
    assert known.algorithms == {"sha1"}
    assert known.match(SHA1) == "a.db"


@pytest.mark.parametrize("index", ["", "CREATE INDEX other ON hashes (name, sha256)"])
def test_without_an_index_the_command_that_makes_one_is_told_and_works(
    tmp_path: Path, index: str
) -> None:
    file = tmp_path / "it's.db"
    statements = f"CREATE TABLE hashes (name, sha256); {index};"
    _make(file, statements, [["a", SHA256]], "hashes")
    with pytest.raises(KnownError, match="has no index of its hashes") as refused:
        _read(file)
    program, place, statement = shlex.split(str(refused.value).split("with: ")[1])
    assert (program, place) == ("sqlite3", str(file))
    _make(file, statement)
    assert _read(file).match(SHA256) == "it's.db"


def test_an_index_of_some_rows_is_none(tmp_path: Path) -> None:
    statements = "CREATE TABLE t (sha1, x); CREATE INDEX i ON t (sha1) WHERE x = 1;"
    with pytest.raises(KnownError, match="has no index of its hashes"):
        _read(_make(tmp_path / "a.db", statements, [[SHA1, 1], ["ab" * 20, 2]], "t"))
    statements = "CREATE TABLE t (h); CREATE VIEW v AS SELECT h AS sha1 FROM t;"
    with pytest.raises(KnownError, match=r"v\.sha1 is a view"):
        _read(_make(tmp_path / "b.db", statements, [[SHA1]], "t"))


@pytest.mark.parametrize(
    "odd", [None, "", 5, bytes.fromhex(SHA256), SHA256[:-1], "g" * 64, SHA256.title(), "ﬀ" * 64]
)
def test_what_no_lookup_would_find_refuses_the_database(tmp_path: Path, odd: object) -> None:
    """A row that nothing can match must not pass for one that was looked at."""
    with pytest.raises(KnownError, match=r"other things than hashes .* in hashes\.sha256"):
        _read(_simple(tmp_path / "a.db", [odd]))
    with pytest.raises(KnownError, match="other things than hashes"):
        _read(_simple(tmp_path / "b.db", [*OTHERS, odd]))


@pytest.mark.parametrize(
    "odd", [SHA256.title(), f"{SHA256}\n", SHA256[:-1], f"{SHA256}\0", SHA256[:-1] + "é"]
)
def test_what_no_lookup_would_find_is_seen_between_hashes(tmp_path: Path, odd: str) -> None:
    """Not at the ends of the index alone, and in whatever lot of rows it comes."""
    around = [f"{number:x}".rjust(64, "0") for number in range(ROWS)]
    around += [f"{number:x}".rjust(64, "f") for number in range(ROWS)]
    assert min(around) < odd < max(around)
    with pytest.raises(KnownError, match=r"other things than hashes .* in hashes\.sha256"):
        _read(_simple(tmp_path / "a.db", [*around, odd]))


def test_rows_may_differ_in_the_case_of_their_digits(tmp_path: Path) -> None:
    known = _read(_simple(tmp_path / "a.db", [SHA256.upper(), *OTHERS]))
    assert all(known.match(digest) for digest in (SHA256, *OTHERS))


def test_a_hash_that_some_rows_lack_gives_way_to_one_that_none_lacks(tmp_path: Path) -> None:
    statements = "CREATE TABLE t (sha256 TEXT UNIQUE, md5 TEXT UNIQUE);"
    known = _read(_make(tmp_path / "a.db", statements, [[None, MD5], [OTHERS[0], "ab" * 16]], "t"))
    assert known.algorithms == {"md5"}
    assert known.match(OTHERS[0], MD5) == "a.db"


def test_a_second_table_of_hashes_is_not_overlooked(tmp_path: Path) -> None:
    statements = "CREATE TABLE bad (md5 TEXT UNIQUE); CREATE TABLE good (sha256 TEXT UNIQUE);"
    file = _make(tmp_path / "a.db", statements, [[MD5]], "bad")
    assert _read(file).match(MD5) == "a.db"
    _make(file, "", [[SHA256]], "good")
    with pytest.raises(KnownError, match=r"in good\.sha256 and in bad\.md5, and one column is"):
        _read(file)


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
    file = _make(tmp_path / "a.db", statements)
    with closing(sqlite3.connect(file)) as database:
        for (table,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'"):
            names = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
            values = [
                {"sha1": SHA1, "md5": MD5, "object_id": 1}.get(name, SHA256) for name in names
            ]
            marks = ", ".join("?" * len(names))
            database.execute(f"INSERT OR IGNORE INTO {table} VALUES ({marks})", values)
        database.commit()
    with pytest.raises(KnownError, match=r"has hashes in .* and in .*, and one column is"):
        _read(file)


def test_a_table_that_cannot_be_read_is_not_passed_over(tmp_path: Path) -> None:
    """As of an SQLite with other modules: it may hold hashes."""
    file = _simple(tmp_path / "a.db", [SHA256])
    with closing(sqlite3.connect(file)) as database:
        database.execute("PRAGMA writable_schema = ON")
        statement = "CREATE VIRTUAL TABLE odd USING nobody_has_this(sha256)"
        database.execute(
            "INSERT INTO sqlite_master VALUES ('table', 'odd', 'odd', 0, ?)", (statement,)
        )
        database.commit()
    with pytest.raises(KnownError, match="no such module: nobody_has_this"):
        _read(file)


def test_databases_of_other_things_and_empty_ones_are_refused(tmp_path: Path) -> None:
    with pytest.raises(KnownError, match="without a column named sha256, sha1 or md5"):
        _read(_make(tmp_path / "other.db", "CREATE TABLE pictures (name, size)"))
    with pytest.raises(KnownError, match="holds no hashes"):
        _read(_rds(tmp_path / "empty.db", []))


@pytest.mark.parametrize("suffix", ["-wal", "-journal"])
@pytest.mark.parametrize("is_link", [False, True])
def test_changes_that_are_not_yet_in_the_database_refuse_it(
    tmp_path: Path, suffix: str, is_link: bool
) -> None:
    file = _rds(tmp_path / "rds.db", [SHA256])
    named = file
    if is_link:
        named = tmp_path / "link"
        named.symlink_to(file)
    beside = Path(f"{file}{suffix}")
    beside.touch()
    assert _read(named).match(SHA256)
    beside.write_bytes(b"changes")
    with pytest.raises(KnownError, match=rf"lies rds\.db{suffix} with changes"):
        _read(named)


def test_a_database_in_wal_mode_is_read_and_left_as_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "lists"
    folder.mkdir()
    file = _rds(folder / "rds.db", [SHA256], f"PRAGMA journal_mode = WAL; {RDS3}")
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
    file = _rds(tmp_path / os.fsdecode(name), [SHA256])
    known = _read(file)
    assert known.match(SHA256)
    assert sorted(os.listdir(os.fsencode(tmp_path))) == sorted([name, b"index"])  # noqa: PTH208


def test_a_table_may_have_any_name(tmp_path: Path) -> None:
    statements = """CREATE TABLE "a ""b"" --; DROP" (sha256 TEXT PRIMARY KEY)"""
    file = _make(tmp_path / "a.db", statements, [[SHA256]], '"a ""b"" --; DROP"')
    assert _read(file).match(SHA256) == "a.db"


def test_a_cut_or_damaged_database_is_refused_where_that_shows(tmp_path: Path) -> None:
    whole = _rds(tmp_path / "rds.db", OTHERS).read_bytes()
    for damaged in (whole[:-4096], whole[:100], whole[:5000], whole[:100] + b"\xff" * 4096):
        (tmp_path / "damaged.db").write_bytes(damaged)
        with pytest.raises(KnownError, match=r"damaged\.db cannot be read: "):
            _read(tmp_path / "damaged.db")


def test_damage_that_shows_later_is_never_told_as_unknown(tmp_path: Path) -> None:
    """As where a disk fails, which gives a file no new time."""
    random.seed(4)
    listed = sorted(random.randbytes(32).hex() for _ in range(2_000))
    file = _simple(tmp_path / "a.db", listed)
    before = file.stat()
    known = _read(file)
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
    file = _rds(tmp_path / "rds.db", [SHA256])
    known = _read(file)
    file.unlink()
    with pytest.raises(KnownError, match=r"rds\.db cannot be read any more: No such file"):
        known.open()


def _add_a_row(file: Path) -> None:
    _make(file, "", [[OTHERS[0]]], "hashes")


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
    file = named = _simple(tmp_path / "a.db", [SHA256])
    if is_link:
        named = tmp_path / "link"
        named.symlink_to(file)
    known = _read(named)
    known.check_unchanged()
    elsewhere = pickle.loads(pickle.dumps(known))
    change(file)
    for ask in (known.check_unchanged, elsewhere.open, lambda: elsewhere.match(SHA256)):
        with pytest.raises(KnownError, match=r"a\.db was changed during the scan"):
            ask()


def test_the_same_database_is_described_alike_wherever_it_lies(tmp_path: Path) -> None:
    """Or a scan could not be carried on, nor compared, after a list was copied."""
    file = _simple(tmp_path / "a.db", [SHA256])
    (tmp_path / "folder").mkdir()
    copy = tmp_path / "folder" / "a.db"
    copy.write_bytes(file.read_bytes())
    assert _read(copy).lists == _read(file).lists


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
    known = _read(_rds(tmp_path / "rds.db", listed))
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
    lists = [_rds(tmp_path / "rds.db", OTHERS), tmp_path / "a.txt", tmp_path / "b.txt"]
    lists[1].write_text(f"{SHA256}\n{MD5}\n")
    lists[2].write_text(f"{OTHERS[0]}\n")
    known = read_lists([lists[1], lists[0], lists[2]], tmp_path / "index")
    assert known.match(OTHERS[0]) == "rds.db; b.txt"
    assert known.match(SHA256, MD5) == "a.txt"
    assert known.algorithms == {"md5", "sha256"}
