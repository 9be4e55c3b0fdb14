"""Files of FAT12, FAT16 and FAT32 volumes. The library gives none that were deleted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO

from scanner.containers.container import Member
from scanner.containers.disks import content

SMALL_BASE, SMALL_EXTENSION = 0x08, 0x10
DOTS = (".", "..")


def members(volume: BinaryIO) -> Iterator[Member]:
    """All that the volume lists, a folder's files ahead of what is in its folders."""
    from dissect.fat.fat import FATFS

    system: Any = FATFS(volume)
    system.fat = _bounded(system.fat)
    folders: list[tuple[str, Any]] = [("", system.root)]
    met: set[int | None] = set()
    while folders:
        path, folder = folders.pop()
        if folder.cluster in met:  # of a damaged volume, in which folders lie in themselves
            continue
        met.add(folder.cluster)
        try:
            for entry in folder.iterdir():
                inner = f"{path}{_name(entry)}"
                if entry.is_volume_id() or entry.name in DOTS:
                    continue
                if entry.is_directory():
                    folders.append((f"{inner}/", entry))
                else:
                    yield _file(system, inner, entry)
        except Exception as error:  # the library raises nearly anything on broken volumes
            yield content.broken(path or ".", error)


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


def _bounded(table: Any) -> Any:
    """`table`, whose chains of clusters end in an error where they go round in a circle."""
    chain = table.chain

    def bounded(cluster: int) -> Iterator[int]:
        for number, found in enumerate(chain(cluster)):
            if number > table.entry_count:
                raise ValueError("its list of clusters goes round in a circle")
            yield found

    table.chain = bounded
    return table
