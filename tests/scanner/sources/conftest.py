"""What the tests of sources share: walking a root, and archives of named contents."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path

from backports import zstd

from scanner.limits import Limits
from scanner.record import Status
from scanner.sources import walk
from scanner.sources.container import Found, Met

Contents = Iterable[tuple[str, bytes]]

COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": lambda data: zstd.compress(data, options={zstd.CompressionParameter.checksum_flag: 1}),
}


def walked(*roots: Path, limits: Limits | None = None) -> list[Found | Met]:
    """Everything under `roots`, by path; each has a row of its own in a report."""
    entries = list(walk(roots, limits or Limits()))
    assert len({(entry.path, entry.position) for entry in entries}) == len(entries)
    return sorted(entries, key=lambda entry: (entry.path, entry.position))


def contents(entries: Iterable[Found | Met]) -> dict[str, bytes]:
    """Path to bytes of what was found."""
    return {
        entry.path: entry.source if isinstance(entry.source, bytes) else entry.source.read_bytes()
        for entry in entries
        if isinstance(entry, Found)
    }


def rows(entries: Iterable[Found | Met]) -> dict[str, tuple[Status, str]]:
    """Path to status and sentence of what cannot be examined."""
    return {entry.path: (entry.status, entry.error) for entry in entries if isinstance(entry, Met)}


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
