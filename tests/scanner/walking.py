"""What the tests of sources share: walking a root, and archives of named contents."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
import tarfile
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path

from backports import zstd

from scanner.containers.sources import open_source
from scanner.limits import Limits
from scanner.record import Status
from scanner.sources.expand import INSIDE
from scanner.sources.found import Fate, Found, Met
from scanner.sources.walk import walk

Contents = Iterable[tuple[str, bytes]]

# What stands before members and is no file: a place in a mailbox or PDF, or the container in a file
# that is something else as well, which has that file's row.
NO_CONTAINER = re.compile(rf"!/(message|page|drawing)-\d+$|{INSIDE}$")

COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": lambda data: zstd.compress(data, options={zstd.CompressionParameter.checksum_flag: 1}),
}


def walked(*roots: Path, limits: Limits | None = None) -> list[Found | Met]:
    """Everything under `roots`, by path."""
    entries = checked(walk(roots, limits or Limits()))
    return sorted(entries, key=lambda entry: (entry.path, entry.position))


def checked(entries: Iterable[Found | Met]) -> list[Found | Met]:
    """`entries`, in the order of the walk, if each is a row and every container has one of its own.

    The container's comes behind those of its members.
    """
    met = list(entries)
    assert len({(entry.path, entry.position) for entry in met}) == len(met)
    unfinished = set()
    for entry in met:
        container = entry.path.removesuffix(INSIDE).rpartition("!/")[0]
        if container and not NO_CONTAINER.search(container):
            unfinished.add(container)
        if isinstance(entry, Found) and entry.fate:
            unfinished.discard(entry.path)
    assert not unfinished
    return met


def contents(entries: Iterable[Found | Met]) -> dict[str, bytes]:
    """Path to bytes of what is to be examined."""
    return {
        entry.path: content(entry)
        for entry in entries
        if isinstance(entry, Found) and entry.fate is None
    }


def content(found: Found) -> bytes:
    with open_source(found.source) as stream:
        return stream.read()


def rows(entries: Iterable[Found | Met]) -> dict[str, tuple[Status, str]]:
    """Path to status and sentence of what cannot be examined."""
    outcomes = {entry.path: entry for entry in entries if isinstance(entry, Met)} | fates(entries)
    return {
        path: (outcome.status, outcome.error)
        for path, outcome in outcomes.items()
        if outcome.status is not Status.CONTAINER
    }


def fates(entries: Iterable[Found | Met]) -> dict[str, Fate]:
    """Path to fate of every container."""
    return {entry.path: entry.fate for entry in entries if isinstance(entry, Found) and entry.fate}


def zipped(members: Contents, compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return stream.getvalue()


def tarred(members: Contents, form: int = tarfile.PAX_FORMAT) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=form) as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return stream.getvalue()
