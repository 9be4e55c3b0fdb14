"""Small SQLite databases of hashes, in the manner of the NSRL's and of others."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path

from scanner.hashes.known import KnownHashes, read_lists

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


def make(
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


def rds(file: Path, digests: Iterable[str], schema: str = RDS3) -> Path:
    rows = ((it.upper(), SHA1.upper(), MD5.upper(), "0", "a.dll", 27, 1) for it in digests)
    return make(file, schema, rows, "FILE")


def simple(file: Path, values: Iterable[object], column: str = "sha256") -> Path:
    statements = f"CREATE TABLE hashes ({column}); CREATE INDEX i ON hashes ({column});"
    return make(file, statements, ([value] for value in values), "hashes")


def read(file: Path) -> KnownHashes:
    return read_lists([file], file.parent / "index")
