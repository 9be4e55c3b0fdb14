"""Single files compressed with gzip, bzip2, xz or zstandard."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from functools import partial
from typing import BinaryIO

from scanner.containers.container import HEAD_BYTES, TO_THE_END, Member
from scanner.containers.expanded import BUFFER_BYTES, Expanded, header_bytes, is_compressed
from scanner.limits import Limits

NOUN = "archive"
SUFFIXES = (".gz", ".bz2", ".xz", ".zst")


def recognises(head: bytes, stream: BinaryIO) -> bool:
    return is_compressed(head)


def members(
    stream: BinaryIO, name: str, limits: Limits, passwords: Sequence[str]
) -> Iterator[Member]:
    """The one file inside, named after its container without the suffix, and what is behind it."""
    head = stream.read(HEAD_BYTES)
    stream.seek(0)
    stem = name.rpartition("/")[2]
    for suffix in SUFFIXES:
        stem = stem.removesuffix(suffix)
    expanded = Expanded(stream, head)
    stored = ((header_bytes(stream), TO_THE_END),)
    opened = partial(io.BufferedReader, expanded, BUFFER_BYTES)
    yield Member(f"{name}!/{stem}", opened, stored=stored)
    if expanded.rest_at is not None:
        stream.seek(expanded.rest_at)
        yield Member(f"{name}!/trailing-data", lambda: nullcontext(stream), stored=stored)
