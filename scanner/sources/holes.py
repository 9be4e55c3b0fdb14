"""Sparse files, which are mostly holes: reading one takes as long as it claims to be."""

from __future__ import annotations

import errno
import math
import os
from typing import BinaryIO

from scanner.limits import Limits

BLOCK_BYTES = 512  # in which systems count what a file takes on disk


def mostly_holes(stream: BinaryIO, limits: Limits) -> str | None:
    """A sentence for such a file, which is then not to be read; None for any other."""
    facts = os.fstat(stream.fileno())
    stored = getattr(facts, "st_blocks", math.inf) * BLOCK_BYTES  # Windows does not say
    if facts.st_size <= max(limits.file_bytes, limits.ratio * stored):
        return None
    if not stored and _has_data(stream):  # some drivers of file systems do not say either
        return None
    return (
        f"a file of {facts.st_size:,} bytes, more than {limits.ratio:,} times the {stored:,} that "
        "are stored; it was not read"
    )


def _has_data(stream: BinaryIO) -> bool:
    """Whether a file is more than one hole; `stream` is left at its beginning."""
    try:
        os.lseek(stream.fileno(), 0, os.SEEK_DATA)
    except OSError as error:
        return error.errno != errno.ENXIO
    os.lseek(stream.fileno(), 0, os.SEEK_SET)
    return True
