"""What a scan may be asked for, and what one file may cost before it gets a row instead of more."""

from __future__ import annotations

from dataclasses import dataclass

# Pillow's own limit for a decompression bomb: twice the pixels of a 256 MiB RGB image.
MAX_PIXELS = 178_956_970
A_DAY = 86_400.0
AUTO = "auto"  # names all bundled models together, so no model may have that name
# The most that a scan may be asked for.
MOST_WORKERS, LARGEST_BATCH = 256, 4_096
# The lowest and the highest value of each limit: beyond them nothing could work, or no system would
# take the number.
RANGES: dict[str, tuple[float, float]] = {
    "depth": (1, 64),
    "members": (1, 2**40),
    "file_bytes": (1, 2**60),
    "archive_bytes": (0, 2**60),
    "total_bytes": (0, 2**60),
    "ratio": (1, 2**40),
    "pixels": (1, 2**40),
    "pages": (1, 2**30),
    "seconds": (0.1, A_DAY),
    "memory_bytes": (2**28, 2**60),  # a worker's libraries alone take about half of the lowest
}


def check_limit(name: str, value: object) -> None:
    """Raise ValueError if `value` is none for the field `name` of Limits."""
    low, high = RANGES[name]
    kind = int | float if isinstance(low, float) else int
    if not isinstance(value, kind) or not low <= value <= high:  # which no NaN does
        raise ValueError(f"{value} is not between {low:,} and {high:,}.")


@dataclass(frozen=True)
class Limits:
    """Every limit ends in a row with status over_limit or timeout, never in a skipped file.

    Raises ValueError for a value outside of its range.
    """

    depth: int = 8  # archives within archives
    members: int = 10_000_000  # of one archive
    file_bytes: int = 512 * 2**20  # of one file or member, which is held in memory
    archive_bytes: int = 64 * 2**30  # expanded, of one archive and all that is nested in it
    total_bytes: int = 4 * 2**40  # expanded, of all archives together
    # Expanded over stored. Deflate cannot exceed 1,032, so honest archives of blank images pass.
    ratio: int = 2_000
    pixels: int = MAX_PIXELS
    pages: int = 200  # of one image that are scored
    # Of reading and decoding, a file or page; to hash a file of any size may last while it goes on.
    seconds: float = 60.0
    memory_bytes: int = 4 * 2**30  # of one worker's data; enforced on Linux

    def __post_init__(self) -> None:
        for name in RANGES:
            check_limit(name, getattr(self, name))
