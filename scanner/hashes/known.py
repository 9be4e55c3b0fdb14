"""Known files' hashes, from lists and databases of them, in memory that many millions do not fill.

Every list becomes sorted tables of binary digests in one file beside the report. All workers map
that file into memory, so they share a single copy of it, of 16 bytes an MD5, 20 a SHA-1 and 32 a
SHA-256. Databases stay where they are and are asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from stat import S_ISREG
from typing import Any

import numpy as np

from scanner.files import file_sha256
from scanner.hashes.lists import database, media, text
from scanner.hashes.lists.hash_list import WIDTHS, HashDatabase, HashList, KnownError
from scanner.record import path_text
from scanner.vics import MARK_WITHIN, is_vics

INDEX_START = b"imgscan: tables of hash lists\n".ljust(32)  # marks an index as ours
LARGE_BYTES = 1 << 30  # from here on, whoever waits is told what for


@dataclass(frozen=True)
class KnownHashes:
    """All lists of a scan.

    index: the file with the tables of those that `read_lists` read. files: where each list lies,
    absolute. stamps: of those that are databases, from before they were described; no part of
    `lists`, which are alike wherever a list lies.
    """

    index: Path
    lists: tuple[HashList | HashDatabase, ...]
    files: tuple[Path, ...]
    stamps: tuple[tuple[Path, database.Stamp], ...] = ()

    @property
    def algorithms(self) -> frozenset[str]:
        """By which hashes, as `hashlib` calls them, files are looked up here."""
        return frozenset[str]().union(*(known.algorithms for known in self.lists))

    def match(self, *digests: str) -> str | None:
        """Names of the lists that hold one of these hexadecimal digests of a file.

        Raises KnownError where a database turns out to be damaged.
        """
        wanted = [bytes.fromhex(digest) for digest in digests]
        names = dict.fromkeys(
            name
            for name, place in self._places
            for digest in wanted
            if len(digest) == place.width and place.holds(digest)
        )
        return "; ".join(names) or None

    def open(self) -> None:
        """Open all lists now rather than at the first match, for the calling thread alone.

        Raises OSError, ValueError or KnownError.
        """
        _ = self._places

    def check_unchanged(self) -> None:
        """Raise KnownError for a database that is not as it was when the scan began."""
        for file, stamp in self.stamps:
            try:
                now = database.Stamp.of(file)
            except OSError as error:
                raise KnownError(
                    f"the hash database {file} cannot be read any more: {error.strerror or error}."
                ) from error
            if now != stamp:
                raise KnownError(
                    f"the hash database {file} was changed during the scan, whose look-ups hold "
                    "for neither state of it; scan with --fresh once nothing writes to it."
                )

    def __reduce__(self) -> tuple[Any, ...]:
        return KnownHashes, (self.index, self.lists, self.files, self.stamps)  # each opens its own

    @cached_property
    def _places(self) -> list[tuple[str, _Table | database.Database]]:
        self.check_unchanged()
        places: list[tuple[str, _Table | database.Database]] = []
        offset = len(INDEX_START)
        for known, file in zip(self.lists, self.files, strict=True):
            if isinstance(known, HashDatabase):
                places.append((known.name, database.Database(file, known)))
                continue
            for algorithm, count in known.entries.items():
                width = WIDTHS[algorithm]
                if count:
                    places.append((known.name, _Table(self.index, width, offset, count)))
                offset += width * count
        return places


class _Table:
    """Digests of one width, sorted, in a file that is mapped into memory."""

    def __init__(self, index: Path, width: int, offset: int, count: int) -> None:
        self.width = width
        mapped = np.memmap(index, f"S{width}", mode="r", offset=offset, shape=(count,))
        self._digests = np.asarray(mapped)

    def holds(self, digest: bytes) -> bool:
        wanted = np.frombuffer(digest, self._digests.dtype)
        position = int(self._digests.searchsorted(wanted)[0])
        return position < len(self._digests) and bool(self._digests[position] == wanted[0])


def check_index(index: Path) -> None:
    """Raise KnownError for a file that is no index of an earlier scan and so must stay."""
    if not index.exists():
        return
    try:
        with index.open("rb") as stream:
            start = stream.read(len(INDEX_START))
    except OSError as error:
        raise KnownError(f"{index} cannot be read: {error.strerror or error}.") from error
    if start not in (b"", INDEX_START):
        raise KnownError(
            f"{index} is no index of imgscan's, which would lie there. It was left as it is: move "
            "it away, or name another report."
        )


def read_lists(
    files: Sequence[Path], index: Path, tell: Callable[[str], None] = lambda sentence: None
) -> KnownHashes:
    """Read hash lists and write their tables to the file `index`.

    A list is text (`lists.text`), VICS (`lists.media`) or an SQLite database (`lists.database`), as
    its bytes say. tell: called with what takes long. Raises KnownError for what is none of these.
    """
    lists: list[HashList | HashDatabase] = []
    stamps: list[tuple[Path, database.Stamp]] = []
    try:
        with index.open("wb") as stream:
            stream.write(INDEX_START)
            for file in files:
                facts = file.stat()
                if not S_ISREG(facts.st_mode):  # what a pipe holds can be read but once
                    raise KnownError(f"{file} is no regular file, as a hash list must be.")
                if (size := facts.st_size) >= LARGE_BYTES:
                    tell(f"reading the hash list {file}, {size / 1e9:,.1f} GB")
                with file.open("rb") as beginning:
                    start = beginning.read(MARK_WITHIN)
                if start.startswith(database.START):
                    stamps.append((file.resolve(), database.Stamp.of(file)))
                    lists.append(database.describe(file))
                else:
                    tables, without_hash = _tables(_digests(file, start))
                    if not any(tables.values()):
                        raise KnownError(f"{file} holds no hashes.")
                    for table in tables.values():
                        stream.write(table)
                    lists.append(_described(file, tables, without_hash))
    except OSError as error:
        raise KnownError(
            f"the hash list {error.filename or file} cannot be used: {error.strerror or error}."
        ) from error
    places = tuple(file.resolve() for file in files)
    return KnownHashes(index, tuple(lists), places, tuple(stamps))


def _digests(file: Path, start: bytes) -> Iterable[bytes | None]:
    if is_vics(start):
        return media.digests(file)
    if start.removeprefix(text.BYTE_ORDER_MARK).lstrip().startswith(b"{"):
        raise KnownError(
            f"{file} looks like JSON, but does not say at its beginning that it is VICS, the only "
            "kind of JSON that is read as a hash list."
        )
    return text.digests(file)


def _tables(digests: Iterable[bytes | None]) -> tuple[dict[str, bytearray], int]:
    """The sorted digests of each of WIDTHS, and how many entries had none."""
    tables = {width: bytearray() for width in WIDTHS.values()}
    without_hash = 0
    for digest in digests:
        if digest is None:
            without_hash += 1
        else:
            tables[len(digest)] += digest
    for width, table in tables.items():
        np.frombuffer(table, f"S{width}").sort()  # in place: a large list must not be held twice
    return {name: tables[width] for name, width in WIDTHS.items()}, without_hash


def _described(file: Path, tables: dict[str, bytearray], without_hash: int) -> HashList:
    counts = {f"{name}_entries": len(table) // WIDTHS[name] for name, table in tables.items()}
    return HashList(path_text(file.name), file_sha256(file), **counts, without_hash=without_hash)
