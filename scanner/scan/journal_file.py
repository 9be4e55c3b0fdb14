"""The file of a journal: ours alone, locked, told troubles in sentences, and no password in it."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from scanner.errors import ImgscanError

SUFFIX = ".journal"
INDEX_SUFFIX = "-known"
# Marks a database as ours. SQLite keeps it, big-endian, in these bytes of the file's header, where
# it can be read without opening the database, which may change it.
APPLICATION_ID = int.from_bytes(b"imgs")
HEADER_START = b"SQLite format 3\0"
HEADER_BYTES, ID_OFFSET = 72, 68
SIDE_SUFFIXES = ("-wal", "-shm", "-journal")  # what SQLite writes beside its file


class JournalError(ImgscanError):
    """The journal cannot be used; the sentence says why and what to do."""


def journal_files(path: Path) -> list[Path]:
    """All files of a journal, the first of which is `path`."""
    return [path, *(path.with_name(path.name + suffix) for suffix in SIDE_SUFFIXES)]


def index_path(path: Path) -> Path:
    """Where the tables of a scan's hash lists lie while it runs: beside its journal at `path`."""
    return path.with_name(path.name + INDEX_SUFFIX)


@contextmanager
def trouble_explained(path: Path) -> Iterator[None]:
    """Turn an error of SQLite's about the journal into a JournalError that says what to do."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            sentence = f"another imgscan is at work on {path}; wait for it, or name another report."
        elif code == sqlite3.SQLITE_CANTOPEN:
            sentence = f"the journal {path} cannot be written ({error}); name another report."
        elif code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            sentence = f"the journal {path} is damaged ({error}); start over with --fresh."
        else:
            sentence = (
                f"the journal {path} cannot be read or written ({error}). What it holds is intact: "
                "make room or mend the disk, then give the same command again."
            )
        raise JournalError(sentence) from error


def refuse_foreign(path: Path) -> None:
    """Raise JournalError for a file that no scan left here; it is only looked at."""
    try:
        found = next((file for file in journal_files(path) if file.exists()), path)
        if found == path and (not path.exists() or _is_ours(path)):
            return
    except OSError as error:
        raise JournalError(
            f"the journal {path} cannot be read ({error.strerror or error}); name another report."
        ) from error
    raise JournalError(
        f"{found} is no journal of imgscan's, which would lie there. It was left as it is: move it "
        "away, or name another report."
    )


def _is_ours(path: Path) -> bool:
    """Whether a scan left this file; it is empty where the scan died while it created it."""
    if not path.is_file():
        return False
    with path.open("rb") as stream:
        head = stream.read(HEADER_BYTES)
    mark = APPLICATION_ID.to_bytes(4)
    return not head or (head.startswith(HEADER_START) and head[ID_OFFSET:] == mark)


def connect(path: Path, fresh: bool) -> sqlite3.Connection:
    """Open the journal and lock it until it is closed or its process dies.

    fresh: whether one that is damaged may be replaced.
    """
    try:
        return _lock(path)
    except sqlite3.DatabaseError as error:
        if not fresh or isinstance(error, sqlite3.OperationalError):
            raise
        path.unlink()  # ours, but damaged, and so not in use by another process
        return _lock(path)


def _lock(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=0, check_same_thread=False)
    try:
        database.execute("PRAGMA locking_mode = EXCLUSIVE")
        # Before the mode, which writes the header: a file without the mark is empty. So there is
        # nothing in it to roll back to, and no file for that, which would wait for the disk.
        if database.execute("PRAGMA application_id").fetchone() != (APPLICATION_ID,):
            database.execute("PRAGMA journal_mode = MEMORY")
            database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        database.execute("BEGIN IMMEDIATE")
        database.commit()
    except BaseException:
        database.close()
        raise
    return database


def slow_hash(passwords: Sequence[str], salt: bytes) -> str:
    """In hexadecimal; a tenth of a second of work and 16 MiB a guess."""
    if not passwords:
        return ""
    secret = "\0".join(passwords).encode(errors="surrogateescape")
    return hashlib.scrypt(secret, salt=salt, n=2**14, r=8, p=1).hex()
