"""Files of FAT12, FAT16 and FAT32 volumes. The library gives none that were deleted."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, BinaryIO

from scanner.containers.container import Member
from scanner.containers.disks import content

SMALL_BASE, SMALL_EXTENSION = 0x08, 0x10
FIRST_CLUSTER = 2
DOTS = (".", "..")


def members(volume: BinaryIO) -> Iterator[Member]:
    from dissect.fat.fat import FATFS

    system: Any = FATFS(volume)
    system.fat.runlist = partial(_runs, system.fat)

    def listed(folder: content.Folder) -> Iterator[Member | content.Folder]:
        for entry in folder.entry.iterdir():
            path = f"{folder.path}{_name(entry)}"
            if _is_label(entry) or entry.name in DOTS:
                continue
            if entry.is_directory():
                yield content.Folder(f"{path}/", entry.cluster, entry)
            else:
                yield _file(system, path, entry)

    yield from content.walked(content.Folder("", system.root.cluster, system.root), listed)


def _name(entry: Any) -> str:
    """Its name. Which parts of a short one are in small letters is told beside it."""
    name: str = entry.name
    if entry.ldirents:
        return name
    base, dot, extension = name.partition(".")
    flags = entry.dirent.DIR_NTRes
    base = base.lower() if flags & SMALL_BASE else base
    return f"{base}{dot}{extension.lower() if flags & SMALL_EXTENSION else extension}"


def _file(system: Any, path: str, entry: Any) -> Member:
    try:
        runs = entry.dataruns()
    except Exception as error:
        return content.broken(path, error)
    start = system.first_data_sector * system.sector_size
    inside = content.stretches(runs, system.cluster_size, entry.size)
    stored = [(start + first, start + last) for first, last in inside]
    return content.file(path, entry.size, entry.open, stored)


def _is_label(entry: Any) -> bool:
    """Whether it is the name of the volume, which has no content."""
    return entry.is_volume_id() and not entry.cluster and not entry.dirent.DIR_FileSize


def _runs(table: Any, cluster: int) -> Iterator[tuple[int, int]]:
    """Runs of clusters, counted from the first that holds data, in place of the library's.

    That takes two clusters of which the second lies before the first for one run. Raises
    ValueError where the list goes round in a circle.
    """
    start, count = -1, 0
    for number, found in enumerate(table.chain(cluster)):
        if number > table.entry_count:
            raise ValueError("its list of clusters goes round in a circle")
        if count and found == start + count:
            count += 1
            continue
        if count:
            yield start - FIRST_CLUSTER, count
        start, count = found, 1
    yield start - FIRST_CLUSTER, count
