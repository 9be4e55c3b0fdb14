"""Hash lists of one entry a line, as programs and agencies write them."""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from pathlib import Path

from scanner.hashes.lists.hash_list import BEST_FIRST, WIDTHS, KnownError
from scanner.record import safe_text

DIGITS = rb"([0-9a-fA-F]{64}|[0-9a-fA-F]{40}|[0-9a-fA-F]{32})"
# `sha256sum` marks escaped names with a leading backslash; its --tag form puts the hash last.
PLAIN = re.compile(rb"\\?" + DIGITS + rb"(?:\s.*)?")
TAGGED = re.compile(rb"\\?(?:SHA256|SHA1|MD5) \(.*\) = " + DIGITS, re.DOTALL)
COMMENTS = (b"#", b"%%%%")
HASHDEEP = b"%%%% "  # opens both lines of hashdeep's header; the second names the columns
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def digests(file: Path) -> Iterator[bytes]:
    """The list's hashes in binary, one an entry.

    They are bare ones or `sha256sum` output, one a line; hashdeep's format; or CSV with a header
    that names a column of hashes ahead of any free text, as the NSRL's does. Raises OSError, and
    KnownError for anything else.
    """
    with file.open("rb") as stream:
        header = stream.readline()
        if header.startswith(HASHDEEP):
            header = stream.readline().removeprefix(HASHDEEP)
        column = _hash_column(header)
        if column is None:
            stream.seek(0)
        for line in stream:
            line = line.removeprefix(BYTE_ORDER_MARK).strip()
            if not line or line.startswith(COMMENTS):
                continue
            try:
                yield _digest(line, column)
            except (ValueError, IndexError) as error:
                text = safe_text(line[:80].decode("utf-8", "replace"))
                raise KnownError(
                    f"{file} has a line without SHA-256, SHA-1 or MD5: {text}"
                ) from error


def _hash_column(header: bytes) -> int | None:
    """Which column of a comma-separated list to take; None when `header` is no header."""
    names = header.removeprefix(BYTE_ORDER_MARK).lower().replace(b"-", b"").replace(b"_", b"")
    columns = [name.strip(b'" \r\n') for name in names.split(b",")]
    wanted = (name.encode() for name in BEST_FIRST)
    return next((columns.index(name) for name in wanted if name in columns), None)


def _digest(line: bytes, column: int | None) -> bytes:
    if column is not None:
        # Not a CSV reader: file names, further right, may hold stray quotes that mislead one.
        digits = line.split(b",", column + 1)[column].strip(b'" ')
    elif match := PLAIN.fullmatch(line) or TAGGED.fullmatch(line):
        digits = match[1]
    else:
        raise ValueError("no hash")
    if len(digits) // 2 not in WIDTHS.values():
        raise ValueError("no hash of a known length")
    return binascii.unhexlify(digits)
