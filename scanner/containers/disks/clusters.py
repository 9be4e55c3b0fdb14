"""Which clusters of a volume are in use."""

from __future__ import annotations


class Bitmap:
    """One bit a cluster, the first in the lowest of the first byte."""

    def __init__(self, data: bytes | bytearray) -> None:
        self._data = data

    def is_used(self, first: int, count: int) -> bool:
        """Whether any of `count` clusters from `first` on is, or lies beyond the bitmap."""
        last = first + count
        if first < 0 or last > 8 * len(self._data):
            return True
        bits = int.from_bytes(self._data[first // 8 : -(-last // 8)], "little")
        return bits >> first % 8 & (1 << count) - 1 != 0


class Counted:
    """Clusters that were counted once, and those that were counted more often."""

    def __init__(self, clusters: int) -> None:
        self._once = bytearray(-(-clusters // 8))
        self._twice = bytearray(len(self._once))

    def add(self, first: int, count: int) -> None:
        """Count `count` clusters from `first` on. What lies beyond the volume is not counted."""
        for cluster in range(max(0, first), min(first + count, 8 * len(self._once))):
            byte, bit = cluster // 8, 1 << cluster % 8
            self._twice[byte] |= self._once[byte] & bit
            self._once[byte] |= bit

    def is_shared(self, first: int, count: int) -> bool:
        """Whether any of these clusters was counted more than once."""
        return Bitmap(self._twice).is_used(first, count)
