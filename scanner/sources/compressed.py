"""Single files compressed with gzip, bzip2, xz or zstandard."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zlib
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

from backports import zstd

from scanner.limits import Limits
from scanner.sources.container import HEAD_BYTES, Member

ERRORS = (OSError, EOFError, zlib.error, lzma.LZMAError, zstd.ZstdError)


OPENERS: dict[bytes, Callable[[Any], Any]] = {
    b"\x1f\x8b\x08": lambda stream: gzip.GzipFile(fileobj=stream),
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ\x00": lzma.LZMAFile,
    b"\x28\xb5\x2f\xfd": zstd.ZstdFile,
}
SUFFIXES = (".gz", ".bz2", ".xz", ".zst")


def recognises(head: bytes, stream: BinaryIO) -> bool:
    return _magic(head) is not None


def _magic(head: bytes) -> bytes | None:
    return next((magic for magic in OPENERS if head.startswith(magic)), None)


def decompress(stream: BinaryIO, head: bytes) -> BinaryIO:
    """A reader of the expanded content of `stream`, whose first bytes are `head`."""
    magic = _magic(head)
    assert magic is not None, "the caller checks recognises(head)"
    reader: BinaryIO = OPENERS[magic](stream)
    return reader


def members(stream: BinaryIO, name: str, limits: Limits) -> Iterator[Member]:
    """The one file inside, named after its container without the suffix."""
    head = stream.read(HEAD_BYTES)
    stream.seek(0)
    stem = name.rpartition("/")[2]
    for suffix in SUFFIXES:
        stem = stem.removesuffix(suffix)
    yield Member(f"{name}!/{stem}", lambda: decompress(stream, head))
