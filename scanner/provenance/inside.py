"""What hides in a file: an archive behind the picture, which viewers pass over."""

from __future__ import annotations

from collections.abc import Iterator

from scanner.kinds.unopened import archive_inside
from scanner.provenance.finding import Finding, Tag
from scanner.provenance.metadata import Metadata


def findings(data: bytes, metadata: Metadata) -> Iterator[Finding]:
    """Only what is not opened: a zip behind a picture is, and has rows of its own."""
    if inside := archive_inside(data):
        kind, offset = inside
        value = f"{kind} at byte {offset:,}; it was not opened"
        yield Finding("file", Tag.INFERRED, "archive_inside", value)
