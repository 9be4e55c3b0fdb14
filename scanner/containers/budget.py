"""How much containers may still expand."""

from __future__ import annotations

from scanner.containers.container import OverLimit, Readable
from scanner.limits import Limits

DISK_FACTOR = 4


class Budget:
    """Expanded bytes that may still be read; what an inner archive spends, its outer ones do too.

    excess: completes "the archive holds" when the bytes run out.
    """

    def __init__(self, room: int, excess: str, outer: Budget | None = None) -> None:
        self._room = room
        self._excess = excess
        self._outer = outer

    @classmethod
    def of_scan(cls, limits: Limits) -> Budget:
        """The budget of all archives together."""
        shared = f"the limit of {limits.total_bytes:,} for all archives together"
        return cls(limits.total_bytes, f"more expanded bytes than {shared} leaves")

    def of_archive(self, stored: int, limits: Limits) -> Budget:
        """The budget of an archive of `stored` bytes that lies inside what this one covers."""
        by_ratio = max(stored, 1) * limits.ratio
        if by_ratio < limits.archive_bytes:
            excess = f"more than {limits.ratio:,} times the stored bytes"
            return Budget(by_ratio, excess, self)
        excess = f"more expanded bytes than the limit of {limits.archive_bytes:,}"
        return Budget(limits.archive_bytes, excess, self)

    def of_disk(self, stored: int, limits: Limits) -> Budget:
        """The budget of a disk image of `stored` bytes, whose files are mostly stored as they are.

        It may be larger than any archive, but its files may share what is stored of them.
        """
        excess = f"files of more than {DISK_FACTOR} times the stored bytes"
        return Budget(max(DISK_FACTOR * stored, limits.archive_bytes), excess, self)

    def room(self) -> int:
        """Bytes that may still be spent."""
        return max(0, min(self._room, self._outer.room()) if self._outer else self._room)

    def spend(self, size: int) -> None:
        """Count `size` bytes that were expanded. Raises OverLimit when there were too many."""
        if self._outer:
            self._outer.spend(size)
        self._room -= size
        if self._room < 0:
            raise OverLimit(self._excess)


class Metered:
    """A stream whose reader spends a budget, also for content that turns out to be damaged."""

    def __init__(self, stream: Readable, budget: Budget) -> None:
        self._stream = stream
        self._budget = budget

    def read(self, size: int) -> bytes:
        data = self._stream.read(size)
        self._budget.spend(len(data))
        return data
