"""Memory that a decoded image leaves behind, kept for the next one.

Handed back to the system, it returns as fresh pages that must be zeroed: for photographs of a
megapixel that costs a worker nearly half as much again as decoding.
"""

from __future__ import annotations

import ctypes

from PIL import _imaging

KEPT_BLOCKS = 16  # of up to 16 MiB each, by Pillow
KEPT_BYTES = 256 * 2**20  # by the C library
LARGEST_KEPT = 32 * 2**20  # the most that glibc allows for one allocation
# Of glibc's mallopt, from malloc.h.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3


def keep_freed_memory() -> None:
    """Tell Pillow, and the C library where it is glibc, to reuse this process's memory."""
    if hasattr(_imaging, "set_blocks_max"):  # no documented name, so it may go
        _imaging.set_blocks_max(KEPT_BLOCKS)
    mallopt = getattr(_c_library(), "mallopt", None)
    if mallopt is not None:
        mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)
        mallopt(M_MMAP_THRESHOLD, LARGEST_KEPT)


def _c_library() -> ctypes.CDLL | None:
    try:
        return ctypes.CDLL(None)
    except (OSError, TypeError):  # Windows has none by that name
        return None
