"""Lists of known files' hashes, such as the NSRL's, held small enough for millions of entries.

Every list becomes sorted tables of binary digests in one file beside the report. All workers map
that file into memory, so they share a single copy of it, of 16 bytes an MD5 and 32 a SHA-256.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scanner.errors import ImgscanError
from scanner.files import file_sha256
from scanner.record import path_text, safe_text

MD5_BYTES, SHA256_BYTES = 16, 32
# `sha256sum` marks escaped names with a leading backslash; its --tag form puts the hash last.
PLAIN = re.compile(rb"\\?([0-9a-fA-F]{64}|[0-9a-fA-F]{32})(?:\s.*)?")
TAGGED = re.compile(rb"\\?(?:SHA256|MD5) \(.*\) = ([0-9a-fA-F]{64}|[0-9a-fA-F]{32})", re.DOTALL)
COMMENTS = (b"#", b"%%%%")
HASHDEEP = b"%%%% "  # opens both lines of hashdeep's header; the second names the columns
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# Columns of a list with a header line, best first.
COLUMNS = (b"sha256", b"md5")

INDEX_SUFFIX = "-known"
INDEX_START = b"imgscan: tables of hash lists\n".ljust(SHA256_BYTES)  # marks an index as ours


class KnownError(ImgscanError):
    """A hash list cannot be used; the sentence says why."""


@dataclass(frozen=True)
class HashList:
    """One list. `sha256` is that of the list itself; the counts are of its entries."""

    name: str
    sha256: str
    md5_entries: int
    sha256_entries: int


@dataclass(frozen=True)
class KnownHashes:
    """All lists of a scan, in the file `path` that `read_lists` wrote."""

    path: Path
    lists: tuple[HashList, ...]

    @property
    def algorithms(self) -> frozenset[str]:
        """By which hashes, as `hashlib` calls them, files are looked up here."""
        return frozenset(
            name
            for known in self.lists
            for name, entries in (("md5", known.md5_entries), ("sha256", known.sha256_entries))
            if entries
        )

    def match(self, *digests: str) -> str | None:
        """Names of the lists that hold one of these hexadecimal digests of a file."""
        wanted = [bytes.fromhex(digest) for digest in digests]
        names = dict.fromkeys(
            name
            for name, table in self._tables
            for digest in wanted
            if len(digest) == table.itemsize and _holds(table, digest)
        )
        return "; ".join(names) or None

    def open(self) -> None:
        """Map the tables now rather than at the first match. Raises OSError or ValueError."""
        _ = self._tables

    @cached_property
    def _tables(self) -> list[tuple[str, NDArray[np.bytes_]]]:
        tables: list[tuple[str, NDArray[np.bytes_]]] = []
        offset = len(INDEX_START)
        for known in self.lists:
            sizes = ((MD5_BYTES, known.md5_entries), (SHA256_BYTES, known.sha256_entries))
            for width, count in sizes:
                if count:
                    kind = f"S{width}"
                    table = np.memmap(self.path, kind, mode="r", offset=offset, shape=(count,))
                    tables.append((known.name, np.asarray(table)))
                offset += width * count
        return tables


def index_path(journal: Path) -> Path:
    """Where the tables of a scan's hash lists lie while it runs: beside its journal."""
    return journal.with_name(journal.name + INDEX_SUFFIX)


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


def read_lists(files: Sequence[Path], index: Path) -> KnownHashes:
    """Read hash lists and write their tables to the file `index`.

    A list holds SHA-256 or MD5 hashes: bare ones or `sha256sum` output, one a line; hashdeep's
    format; or CSV with a header that names a SHA-256 or MD5 column ahead of any free text, as the
    NSRL's does. Raises KnownError for anything else.
    """
    lists = []
    try:
        with index.open("wb") as stream:
            stream.write(INDEX_START)
            for file in files:
                md5s, sha256s = bytearray(), bytearray()
                for digest in _digests(file):
                    (md5s if len(digest) == MD5_BYTES else sha256s).extend(digest)
                stream.write(_sorted(md5s, MD5_BYTES))
                stream.write(_sorted(sha256s, SHA256_BYTES))
                counts = len(md5s) // MD5_BYTES, len(sha256s) // SHA256_BYTES
                if not any(counts):
                    raise KnownError(f"{file} holds no hashes.")
                lists.append(HashList(path_text(file.name), file_sha256(file), *counts))
    except OSError as error:
        raise KnownError(
            f"the hash list {error.filename or file} cannot be used: {error.strerror or error}."
        ) from error
    return KnownHashes(index, tuple(lists))


def _sorted(digests: bytearray, width: int) -> Any:
    table = np.frombuffer(digests, f"S{width}")
    table.sort()  # in place: a large list must not be held twice
    return table.data


def _holds(table: NDArray[np.bytes_], digest: bytes) -> bool:
    wanted = np.frombuffer(digest, table.dtype)
    position = int(table.searchsorted(wanted)[0])
    return position < len(table) and bool(table[position] == wanted[0])


def _digests(file: Path) -> Iterator[bytes]:
    """The list's hashes in binary, one an entry. Raises KnownError."""
    with file.open("rb") as stream:
        header = stream.readline()
        if header.startswith(HASHDEEP):
            header = stream.readline().removeprefix(HASHDEEP)
        column = _hash_column(header)
        if column is None:
            stream.seek(0)
        for line in stream:
            line = line.removeprefix(BYTE_ORDER_MARK).strip()
            if not line or line.startswith(COMMENTS):
                continue
            try:
                yield _digest(line, column)
            except (ValueError, IndexError) as error:
                text = safe_text(line[:80].decode("utf-8", "replace"))
                raise KnownError(f"{file} has a line without SHA-256 or MD5: {text}") from error


def _hash_column(header: bytes) -> int | None:
    """Which column of a comma-separated list to take; None when `header` is no header."""
    names = header.removeprefix(BYTE_ORDER_MARK).lower().replace(b"-", b"").replace(b"_", b"")
    columns = [name.strip(b'" \r\n') for name in names.split(b",")]
    return next((columns.index(name) for name in COLUMNS if name in columns), None)


def _digest(line: bytes, column: int | None) -> bytes:
    if column is not None:
        # Not a CSV reader: file names, further right, may hold stray quotes that mislead one.
        digits = line.split(b",", column + 1)[column].strip(b'" ')
    elif match := PLAIN.fullmatch(line) or TAGGED.fullmatch(line):
        digits = match[1]
    else:
        raise ValueError("no hash")
    if len(digits) not in (2 * MD5_BYTES, 2 * SHA256_BYTES):
        raise ValueError("no hash of a known length")
    return binascii.unhexlify(digits)
