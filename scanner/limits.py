"""What one file or archive may cost before it gets a row instead of more time or memory."""

from __future__ import annotations

from dataclasses import dataclass

# Pillow's own limit for a decompression bomb: twice the pixels of a 256 MiB RGB image.
MAX_PIXELS = 178_956_970


@dataclass(frozen=True)
class Limits:
    """Every limit ends in a row with status over_limit or timeout, never in a skipped file."""

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
