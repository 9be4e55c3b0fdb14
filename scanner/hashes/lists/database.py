"""Hash lists in SQLite, such as the NSRL's RDSv3 of hundreds of millions of rows.

They are neither copied nor loaded: every process opens the file itself, and has SQLite find a hash
by an index that the file brings with it.
"""

from __future__ import annotations

import re
import shlex
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from scanner.files import file_sha256
from scanner.hashes.lists.hash_list import BEST_FIRST, WIDTHS, HashDatabase, KnownError
from scanner.record import path_text, safe_text

START = b"SQLite format 3\0"
# What SQLite writes beside a file: changes that are not yet in it, or that must be taken back.
UNSETTLED = ("-wal", "-journal")
NSRLS = ("FILE", "METADATA")  # its tables of hashes, beside which others only describe
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
    def ends(self) -> tuple[str, str]:
        """What asks for the first and the last of it, as an index orders them."""
        name = _quoted(self.name)
        ask = f"SELECT {name} FROM {_quoted(self.table)} ORDER BY {name}"
        return f"{ask} LIMIT 1", f"{ask} DESC LIMIT 1"

    def __str__(self) -> str:
        return f"{path_text(self.table)}.{path_text(self.name)}"


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

    That is a table or view with a column of SHA-256, else SHA-1, else MD5 hashes, in digits of one
    case, which an index finds. Raises KnownError where there is none, or where the file is damaged
    or not settled.
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
    connection = sqlite3.connect(f"{file.as_uri()}?mode=ro&immutable=1", uri=True)
    connection.text_factory = _text
    # Views may call nothing but what every SQLite knows to be harmless; damage shows at once.
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA cell_size_check = ON")
    return connection


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
        ends = [row[0] for ask in column.ends for row in connection.execute(ask)]
        empty = empty and not ends
        if ends and all(_is_hash(end, column.algorithm) for end in ends):
            return column
    if not indexed:
        raise KnownError(f"{file} has no index of its hashes, {_remedy(columns, file)}")
    if empty:
        raise KnownError(f"{file} holds no hashes.")
    raise KnownError(
        f"{file} holds other things than hashes in hexadecimal digits of one case in "
        f"{', '.join(map(str, indexed))}."
    )


def _check_alone(chosen: _Column, connection: sqlite3.Connection, file: Path) -> None:
    """Raise KnownError if other tables have hashes, too, in which nobody would look."""
    if chosen.table.upper() in NSRLS:
        return
    for column in _columns(connection):
        if column.is_view or column.table == chosen.table:
            continue
        if connection.execute(f"SELECT 1 FROM {_quoted(column.table)} LIMIT 1").fetchone():
            raise KnownError(
                f"{file} has hashes in {chosen} and in {column}, and one table is looked up in; "
                "make a database of each."
            )


def _columns(connection: sqlite3.Connection) -> Iterator[_Column]:
    """Every column that has the name of a hash."""
    ask = "SELECT name, type FROM sqlite_master WHERE type IN ('table', 'view') ORDER BY name"
    for table, kind in connection.execute(ask).fetchall():
        with suppress(sqlite3.OperationalError):  # a view of what is not there
            for row in connection.execute(f"PRAGMA table_info({_quoted(table)})").fetchall():
                algorithm = re.sub("[-_ ]", "", row[1]).lower()
                if algorithm in BEST_FIRST:
                    yield _Column(table, kind == "view", row[1], algorithm)


def _has_index(connection: sqlite3.Connection, column: _Column) -> bool:
    """Whether nothing that is asked of the column has SQLite go through all rows, or sort them."""
    try:
        search = _plan(connection, column.holds, ("",))
        ends = [step for ask in column.ends for step in _plan(connection, ask)]
    except sqlite3.OperationalError:  # a view that cannot be used
        return False
    is_found = any(step.startswith("SEARCH ") for step in search)
    # ANY: where the column is not the first of an index, which is gone through piece by piece.
    is_passed = any(step.startswith("SCAN ") or "ANY(" in step for step in search)
    return is_found and not is_passed and not any("TEMP B-TREE" in step for step in ends)


def _plan(connection: sqlite3.Connection, ask: str, values: Sequence[str] = ()) -> list[str]:
    return [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {ask}", values)]


def _is_hash(value: Any, algorithm: str) -> bool:
    """Whether it is a text that is found as `holds` asks.

    Ahead of all texts SQLite orders what is missing and numbers, and behind them bytes.
    """
    digits = 2 * WIDTHS[algorithm]
    one_case = f"[0-9A-F]{{{digits}}}|[0-9a-f]{{{digits}}}"
    return isinstance(value, str) and re.fullmatch(one_case, value) is not None


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
