"""The hashes that identify a file's bytes, all taken in one read."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from scanner.containers.container import CHUNK_BYTES
from scanner.containers.sources import Source, open_source
from scanner.hashes.known import KnownHashes


@dataclass(frozen=True)
class Hashing:
    """What a scan does about hashes beyond SHA-256.

    md5: take it too. known: lists to look every file up in. skip_known: give files found in them
    a row of their own kind and do not decode them.
    """

    md5: bool = False
    known: KnownHashes | None = None
    skip_known: bool = False

    @property
    def takes_md5(self) -> bool:
        """Also true when a list of MD5 hashes needs it."""
        return self.md5 or (self.known is not None and self.known.holds_md5)


@dataclass(frozen=True)
class Hashes:
    """Hexadecimal digests; `md5` is None when it was not asked for."""

    sha256: str
    md5: str | None


def hash_bytes(chunks: Iterable[bytes], md5: bool) -> Hashes:
    """The hashes of the joined `chunks`."""
    sha256 = hashlib.sha256()
    # MD5 proves nothing against a forger; it is taken to look files up in lists that have no other.
    weak = hashlib.md5(usedforsecurity=False) if md5 else None
    for chunk in chunks:
        sha256.update(chunk)
        if weak:
            weak.update(chunk)
    return Hashes(sha256.hexdigest(), weak.hexdigest() if weak else None)


def hash_source(
    source: Source, md5: bool, see: Callable[[bytes, int], None] = lambda chunk, place: None
) -> tuple[Hashes, int]:
    """The hashes and the size of what `source` reads, in memory that stays flat.

    see: called with each chunk and its place as it goes on. Raises OSError, also where there are
    more or fewer bytes than the system says.
    """
    size = 0

    def chunks(stream: BinaryIO) -> Iterator[bytes]:
        nonlocal size
        end = stream.seek(0, os.SEEK_END)
        stream.seek(0)
        while chunk := stream.read(CHUNK_BYTES):
            size += len(chunk)
            if size > end:
                raise OSError(errno.EFBIG, "it has more bytes than the system says of it")
            see(chunk, size - len(chunk))
            yield chunk

    with open_source(source) as stream:
        hashes = hash_bytes(chunks(stream), md5)
    return hashes, size
