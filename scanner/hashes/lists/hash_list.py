"""What a scan says of a hash list, and why one may be refused."""

from __future__ import annotations

from dataclasses import dataclass

from scanner.errors import ImgscanError

# Bytes of a hash, by its name in `hashlib`. In this order they lie in an index.
WIDTHS = {"md5": 16, "sha1": 20, "sha256": 32}
# The hashes by which an entry that has several is looked up, best first.
BEST_FIRST = ("sha256", "sha1", "md5")


class KnownError(ImgscanError):
    """A hash list cannot be used; the sentence says why."""


@dataclass(frozen=True)
class HashList:
    """A list that was read. `sha256` is that of the list itself.

    The counts are of its entries, by the hash under which each is looked up; without_hash: those
    that have none, and in which nothing can be found.
    """

    name: str
    sha256: str
    md5_entries: int = 0
    sha1_entries: int = 0
    sha256_entries: int = 0
    without_hash: int = 0

    @property
    def entries(self) -> dict[str, int]:
        """How many there are under each of WIDTHS, in that order."""
        return {name: getattr(self, f"{name}_entries") for name in WIDTHS}

    @property
    def algorithms(self) -> frozenset[str]:
        """The hashes, as `hashlib` calls them, by which files are looked up in it."""
        return frozenset(name for name, count in self.entries.items() if count)


@dataclass(frozen=True)
class HashDatabase:
    """An SQLite database that is asked, and whose entries nobody counts.

    sha256: of the whole file. table, column: where in it files are looked up, by the hash
    `algorithm`. version: what its makers call this edition, where it says so.
    """

    name: str
    sha256: str
    table: str
    column: str
    algorithm: str
    version: str | None = None

    @property
    def algorithms(self) -> frozenset[str]:
        """As those of a HashList."""
        return frozenset({self.algorithm})
