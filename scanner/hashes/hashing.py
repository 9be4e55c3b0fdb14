"""The hashes that identify a file's bytes, all taken in one read."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from scanner.containers.container import CHUNK_BYTES
from scanner.containers.sources import Source, open_source

if TYPE_CHECKING:
    from scanner.hashes.known import KnownHashes
    from scanner.hashes.similar import SimilarPictures

# They prove nothing against a forger, and are taken for those who have no other: lists, tools.
WEAK = ("sha1", "md5")


@dataclass(frozen=True)
class Hashing:
    """What a scan does about hashes beyond SHA-256.

    sha1, md5: take these too. known: lists to look every file up in. skip_known: give files found
    in them a row of their own kind and do not decode them. pdq: take the perceptual hashes of
    pictures. similar: lists of such hashes to look every picture up in.
    """

    sha1: bool = False
    md5: bool = False
    known: KnownHashes | None = None
    skip_known: bool = False
    pdq: bool = False
    similar: SimilarPictures | None = None

    @property
    def weak(self) -> tuple[str, ...]:
        """Those of WEAK that are taken: what is asked for, or what a list needs."""
        listed = self.known.algorithms if self.known else ()
        return tuple(name for name in WEAK if getattr(self, name) or name in listed)

    @property
    def takes_pdq(self) -> bool:
        """Also true when a list of such hashes needs it."""
        return self.pdq or self.similar is not None


@dataclass(frozen=True)
class Hashes:
    """Hexadecimal digests; None for those that were not asked for."""

    sha256: str
    sha1: str | None = None
    md5: str | None = None


def hash_bytes(chunks: Iterable[bytes], weak: Collection[str] = ()) -> Hashes:
    """The hashes of the joined `chunks`: SHA-256, and those of WEAK that are named."""
    sha256 = hashlib.sha256()
    others = {name: hashlib.new(name, usedforsecurity=False) for name in weak}
    for chunk in chunks:
        sha256.update(chunk)
        for other in others.values():
            other.update(chunk)
    return Hashes(sha256.hexdigest(), **{name: it.hexdigest() for name, it in others.items()})


def hash_source(
    source: Source,
    weak: Collection[str] = (),
    see: Callable[[bytes, int], None] = lambda chunk, place: None,
) -> tuple[Hashes, int]:
    """The hashes and the size of what `source` reads, in memory that stays flat.

    weak: as `hash_bytes` takes it. see: called with each chunk and its place as it goes on. Raises
    OSError, also where there are more or fewer bytes than the system says.
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
        hashes = hash_bytes(chunks(stream), weak)
    return hashes, size
