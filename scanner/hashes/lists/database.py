"""Hash lists in SQLite, such as the NSRL's RDSv3 of hundreds of millions of rows.

They are neither copied nor loaded: every process opens the file itself, and has SQLite find a hash
by an index that the file brings with it.
"""

from __future__ import annotations

import re
import shlex
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext, suppress
from pathlib import Path, PurePath
from typing import NamedTuple

from scanner.files import file_sha256
from scanner.hashes.lists.hash_list import BEST_FIRST, WIDTHS, HashDatabase, KnownError
from scanner.record import path_text, safe_text

START = b"SQLite format 3\0"
# What SQLite writes beside a file: changes that are not yet in it, or that must be taken back.
UNSETTLED = ("-wal", "-journal")
# By what an edition of the NSRL's RDSv3 is known: its table of hashes beside that of its version.
NSRL_TABLES = ("FILE", "METADATA")
NSRL_VERSION = {"version", "build_set", "build_date", "release_date", "description"}
NSRL_VIEWS = ("FILE", "DISTINCT_HASH")  # of that table, and nothing besides
DIGITS = (b"0123456789ABCDEF", b"0123456789abcdef")
ROWS = 1000  # that are looked at together
LONGEST_VERSION = 200  # characters


class _Column(NamedTuple):
    table: str
    is_view: bool
    name: str
    algorithm: str

    @property
    def holds(self) -> str:
        return f"SELECT 1 FROM {_quoted(self.table)} WHERE {_quoted(self.name)} = ? LIMIT 1"

    @property
    def all(self) -> str:
        return f"SELECT {_quoted(self.name)} FROM {_quoted(self.table)}"

    def __str__(self) -> str:
        return f"{path_text(self.table)}.{path_text(self.name)}"


class Stamp(NamedTuple):
    """What changes when anybody writes to a file, or puts another in its place."""

    size: int
    mtime_ns: int
    inode: int

    @classmethod
    def of(cls, file: Path) -> Stamp:
        """Raises OSError."""
        facts = file.stat()
        return cls(facts.st_size, facts.st_mtime_ns, facts.st_ino)


class Database:
    """A database that is open in this process, for one thread."""

    def __init__(self, file: Path, described: HashDatabase) -> None:
        """file: absolute. Raises KnownError."""
        self.width = WIDTHS[described.algorithm]
        self._file = file
        column = _Column(described.table, False, described.column, described.algorithm)
        self._holds = column.holds
        with _told(file):
            self._connection = _open(file)

    def holds(self, digest: bytes) -> bool:
        """Whether it lists this hash. Raises KnownError where the file is damaged."""
        digits = digest.hex()
        with _told(self._file):
            # In upper case as in the NSRL's, or in lower case: an index tells the two apart. One
            # after the other, which is faster than IN.
            return any(
                self._connection.execute(self._holds, (written,)).fetchone()
                for written in (digits.upper(), digits)
            )

    def close(self) -> None:
        self._connection.close()


def describe(file: Path) -> HashDatabase:
    """Where in the database files can be looked up.

    That is a table or view with a column of SHA-256, else SHA-1, else MD5 hashes, each in digits of
    one case, which an index finds. Raises KnownError where there is none, where there are others
    besides, or where the file is damaged or not settled.
    """
    for suffix in UNSETTLED:
        beside = Path(f"{file.resolve()}{suffix}")
        with suppress(FileNotFoundError):
            if beside.stat().st_size:
                raise KnownError(
                    f"beside {file} lies {beside.name} with changes that are not yet in it; let "
                    "the program that writes it finish, or open it once with sqlite3."
                )
    with _told(file), closing(_open(file.resolve())) as connection:
        column = _find_column(connection, file)
        _check_alone(column, connection, file)
        version = _version(connection)
    name = path_text(file.name)
    sha256 = file_sha256(file)
    return HashDatabase(name, sha256, column.table, column.name, column.algorithm, version)


def _open(file: Path) -> sqlite3.Connection:
    # Immutable: SQLite then neither locks the file nor writes anything beside it.
    connection = sqlite3.connect(f"{uri(file)}?mode=ro&immutable=1", uri=True)
    connection.text_factory = _text
    # Views may call nothing but what every SQLite knows to be harmless; damage shows at once.
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA cell_size_check = ON")
    return connection


def uri(file: PurePath) -> str:
    """Of an absolute path, as SQLite takes it: without a host, which those of shares have."""
    written = file.as_uri()
    return written if written.startswith("file:///") else f"file:////{written[len('file://') :]}"


@contextmanager
def _told(file: Path) -> Iterator[None]:
    """What SQLite meets inside becomes a KnownError."""
    try:
        yield
    except sqlite3.Error as error:
        raise KnownError(
            f"the hash database {file} cannot be read: {safe_text(str(error))}; look whether it is "
            "whole, and get it anew where it is not."
        ) from error


def _find_column(connection: sqlite3.Connection, file: Path) -> _Column:
    columns = sorted(
        _columns(connection),
        key=lambda column: (BEST_FIRST.index(column.algorithm), column.is_view, column.table),
    )
    if not columns:
        raise KnownError(f"{file} is a database without a column named sha256, sha1 or md5.")
    indexed = [column for column in columns if _has_index(connection, column)]
    empty = True
    for column in indexed:
        found = _found(connection, column)
        if found:
            return column
        empty = empty and found is None
    if not indexed:
        raise KnownError(f"{file} has no index of its hashes, {_remedy(columns, file)}")
    if empty:
        raise KnownError(f"{file} holds no hashes.")
    raise KnownError(
        f"{file} holds other things than hashes in hexadecimal digits of one case in "
        f"{', '.join(map(str, indexed))}."
    )


def _found(connection: sqlite3.Connection, column: _Column) -> bool | None:
    """Whether `holds` can find all of the column; None where there is nothing in it.

    Of the NSRL's editions, all made alike, a sample tells: they have hundreds of millions of rows,
    and all would take longer to look at than many a scan.
    """
    sample = f" LIMIT {ROWS}" if _is_nsrls(column, connection) else ""
    connection.text_factory = str  # many times as fast as `_text`
    try:
        rows = connection.execute(f"{column.all}{sample}")
        empty = True
        while some := rows.fetchmany(ROWS):
            if not _are_hashes([value for (value,) in some], column.algorithm):
                return False
            empty = False
    finally:
        connection.text_factory = _text
    return None if empty else True


def _check_alone(chosen: _Column, connection: sqlite3.Connection, file: Path) -> None:
    """Raise KnownError if there are hashes elsewhere, too, among which nobody would look."""
    is_nsrls = _is_nsrls(chosen, connection)
    for column in _columns(connection):
        if column.table == chosen.table:  # one of the hashes of a row will do, unless two are alike
            is_other = column.algorithm == chosen.algorithm and column.name != chosen.name
        elif is_nsrls and column.is_view and column.table.upper() in NSRL_VIEWS:
            is_other = False
        else:
            is_other = connection.execute(f"{column.all} LIMIT 1").fetchone() is not None
        if is_other:
            raise KnownError(
                f"{file} has hashes in {chosen} and in {column}, and one column is looked up in; "
                "make a database of each, or drop what only repeats the other."
            )


def _is_nsrls(column: _Column, connection: sqlite3.Connection) -> bool:
    """Whether it is that of an edition of the NSRL's, by more than a name that any may have."""
    if column.is_view or column.table.upper() not in NSRL_TABLES:
        return False
    version, own = ({*_names(connection, table)} for table in ("VERSION", column.table))
    return version >= NSRL_VERSION and own >= {*BEST_FIRST}


def _columns(connection: sqlite3.Connection) -> Iterator[_Column]:
    """Every column that has the name of a hash."""
    ask = "SELECT name, type FROM sqlite_master WHERE type IN ('table', 'view') ORDER BY name"
    for table, kind in connection.execute(ask).fetchall():
        is_view = kind == "view"
        # A view of what is not there holds nothing; a table that cannot be read may.
        with suppress(sqlite3.OperationalError) if is_view else nullcontext():
            for name in _names(connection, table):
                algorithm = re.sub("[-_ ]", "", name).lower()
                if algorithm in BEST_FIRST:
                    yield _Column(table, is_view, name, algorithm)


def _names(connection: sqlite3.Connection, table: str) -> list[str]:
    """Of its columns; none where there is no such table."""
    return [row[1] for row in connection.execute(f"PRAGMA table_info({_quoted(table)})")]


def _has_index(connection: sqlite3.Connection, column: _Column) -> bool:
    """Whether a look-up does not have SQLite go through all rows."""
    try:
        plan = connection.execute(f"EXPLAIN QUERY PLAN {column.holds}", ("",)).fetchall()
    except sqlite3.OperationalError:  # a view that cannot be used
        return False
    steps = [row[3] for row in plan]
    is_found = any(step.startswith("SEARCH ") for step in steps)
    # ANY: where the column is not the first of an index, which is gone through piece by piece.
    return is_found and not any(step.startswith("SCAN ") or "ANY(" in step for step in steps)


def _are_hashes(values: Sequence[object], algorithm: str) -> bool:
    """Whether they are texts that are found as `holds` asks. As fast as can be: all come by."""
    texts = [value for value in values if isinstance(value, str)]
    if len(texts) < len(values) or {*map(len, texts)} != {2 * WIDTHS[algorithm]}:
        return False
    if _are_digits("".join(texts)):
        return True
    return all(map(_are_digits, texts))  # one by one, where some have capitals and others not


def _are_digits(text: str) -> bool:
    """Whether these are hexadecimal digits of one case."""
    data = text.encode()
    return not all(data.translate(None, digits) for digits in DIGITS)


def _remedy(columns: Sequence[_Column], file: Path) -> str:
    tables = [column for column in columns if not column.is_view]
    if not tables:
        return f"and {columns[0]} is a view; make one of the table behind it."
    best = tables[0]
    statement = (
        f"CREATE INDEX {_quoted(f'by_{best.algorithm}')} "
        f"ON {_quoted(best.table)} ({_quoted(best.name)})"
    )
    command = f"sqlite3 {shlex.quote(str(file))} {shlex.quote(statement)}"
    return f"without which each look-up would read all of it. Make one with: {command}"


def _version(connection: sqlite3.Connection) -> str | None:
    """What the NSRL's editions say of themselves."""
    try:
        rows = connection.execute("SELECT version, description FROM VERSION LIMIT 9").fetchall()
    except sqlite3.OperationalError:  # other databases have no such table
        return None
    said = "; ".join(" ".join(str(value) for value in row if value) for row in rows)
    return safe_text(said[:LONGEST_VERSION]) or None


def _quoted(name: str) -> str:
    escaped = name.replace('"', '""')
    return f'"{escaped}"'


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")
