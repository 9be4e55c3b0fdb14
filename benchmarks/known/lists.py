"""Made-up hashes, as many as the NSRL's if need be, in the files that are measured."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from scanner.errors import ImgscanError

BYTES_A_HASH = 700  # on the disk, all lists together
WIDTH = 32
SCHEMA = """
CREATE TABLE FILE (sha256 VARCHAR NOT NULL, sha1 VARCHAR NOT NULL, md5 VARCHAR NOT NULL,
    crc32 VARCHAR NOT NULL, file_name VARCHAR NOT NULL, file_size INTEGER NOT NULL,
    package_id INTEGER NOT NULL, CONSTRAINT PK_FILE__FILE PRIMARY KEY
    (sha256, sha1, md5, crc32, file_name, file_size, package_id));
CREATE TABLE VERSION (version VARCHAR UNIQUE NOT NULL, build_set VARCHAR NOT NULL,
    build_date TIMESTAMP NOT NULL, release_date TIMESTAMP NOT NULL, description VARCHAR NOT NULL);
INSERT INTO VERSION VALUES ('1', 'made up', '2026-01-01', '2026-01-01', 'made up');
"""


@dataclass(frozen=True)
class Lists:
    """The same hashes in three files; `sorted` has them in binary."""

    sorted: Path
    database: Path
    text: Path


def make_lists(folder: Path, count: int) -> Lists:
    """Made-up hashes as an RDSv3 database, as text and in binary. Raises ImgscanError."""
    needed = count * BYTES_A_HASH
    if (free := shutil.disk_usage(folder).free) < needed:
        raise ImgscanError(
            f"{folder} has {free / 1e9:.1f} GB left and the lists take {needed / 1e9:.1f} GB; "
            "name another --folder or less --hashes."
        )
    lists = Lists(folder / "sorted", folder / "rds.db", folder / "list.txt")
    drawn = np.frombuffer(np.random.default_rng(0).bytes(count * WIDTH), f"S{WIDTH}")
    digests = np.sort(drawn).tobytes()
    lists.sorted.write_bytes(digests)
    with lists.text.open("w") as stream:
        stream.writelines(f"{digits}\n" for digits in _digits(digests))
    with closing(sqlite3.connect(lists.database, isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode = OFF")
        database.execute("PRAGMA synchronous = OFF")
        database.executescript(SCHEMA)
        database.execute("BEGIN")
        # In the order of the index, or it would be written all over.
        database.executemany("INSERT INTO FILE VALUES (?, ?, ?, ?, ?, ?, ?)", _rows(digests))
        database.execute("COMMIT")
    return lists


def _digits(digests: bytes) -> Iterator[str]:
    for start in range(0, len(digests), WIDTH):
        yield digests[start : start + WIDTH].hex()


def _rows(digests: bytes) -> Iterator[tuple[object, ...]]:
    for number, digits in enumerate(map(str.upper, _digits(digests))):
        yield digits, digits[24:], digits[:32], digits[:8], f"file{number % 1000}.dll", number, 1
