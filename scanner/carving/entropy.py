"""Stretches of bytes so even that they are compressed or encrypted, if they are not noise."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable
from functools import cache

import numpy as np

BLOCK_BYTES = 4_096
EVERY = 16  # of how many blocks one is measured, in a stretch of more than MEASURED_WHOLE bytes
FEW = 64
MEASURED_WHOLE = 1 << 16
LONG_BYTES = 1 << 17  # a stretch that counts, whatever lies around it
SHORTEST = 256  # bytes of which the entropy says anything
# What it may lack of the entropy that as many random bytes have, in bits a byte.
ALLOWANCE = 0.1


class Opaque:
    """How much of the bytes that it is fed looks so. longest: the longest stretch, in bytes."""

    def __init__(self) -> None:
        self.bytes = self.seen = self.longest = 0
        self._running = 0

    def feed(self, piece: bytes, start: int, is_known: Callable[[int], bool]) -> None:
        """Measure `piece`, which lies at `start`. is_known: whether a place is accounted for."""
        step = BLOCK_BYTES * (EVERY if len(piece) > MEASURED_WHOLE else 1)
        for begin in range(0, len(piece), step):
            share = min(step, len(piece) - begin)
            # Which block it is nobody can tell who has not seen the bytes.
            blocks = max(1, share // BLOCK_BYTES)
            at = begin + zlib.crc32(piece[begin : begin + FEW]) % blocks * BLOCK_BYTES
            block = piece[at : at + BLOCK_BYTES]
            if is_known(start + at) or is_known(start + at + len(block) - 1):
                self._running = 0
                continue
            self.seen += share
            if is_even(block):
                self.bytes += share
                self._running += share
                self.longest = max(self.longest, self._running)
            else:
                self._running = 0

    def __bool__(self) -> bool:
        """Whether it is much: a long stretch, or most of all there is."""
        return self.is_long or (self.bytes > 0 and 2 * self.bytes >= self.seen)

    @property
    def is_long(self) -> bool:
        """Whether it counts, whatever lies around it."""
        return self.longest >= LONG_BYTES


def is_even(block: bytes) -> bool:
    """Whether the values of `block` are spread as evenly as those of random bytes are.

    By Shannon's entropy of single bytes against what so few random bytes have on average.
    """
    if len(block) < SHORTEST:
        return False
    counts = np.bincount(np.frombuffer(block, np.uint8), minlength=256)
    shares = counts[counts > 0] / len(block)
    entropy = -float((shares * np.log2(shares)).sum())
    return entropy >= _expected(len(block)) - (ALLOWANCE if len(block) >= 1024 else 1.5 * ALLOWANCE)


@cache
def _expected(size: int) -> float:
    """The mean entropy of `size` random bytes: how often a value occurs follows Poisson's law."""
    rate = size / 256
    counts = np.arange(1, int(rate + 12 * math.sqrt(rate)) + 12)
    logarithms = counts * math.log(rate) - rate - np.array([math.lgamma(n + 1) for n in counts])
    return -float((256 * np.exp(logarithms) * (counts / size) * np.log2(counts / size)).sum())
