"""Which clusters of a volume are in use."""

from __future__ import annotations

import numpy as np


class Bitmap:
    """One bit a cluster, the first in the lowest of the first byte."""

    def __init__(self, data: bytes) -> None:
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
        self._times = np.zeros(clusters, np.uint8)

    def add(self, first: int, count: int) -> None:
        """Count `count` clusters from `first` on. What lies beyond the volume is not counted."""
        times = self._times[max(0, first) : max(0, first + count)]
        np.minimum(times + 1, 2, out=times)

    def is_shared(self, first: int, count: int) -> bool:
        """Whether any of these clusters was counted more than once."""
        return bool((self._times[max(0, first) : max(0, first + count)] > 1).any())
