"""Files of ext2, ext3 and ext4 volumes. The library gives none that were deleted."""

from __future__ import annotations

import io
import stat
from collections.abc import Iterator
from typing import Any, BinaryIO

from scanner.containers.container import Member
from scanner.containers.disks import content
from scanner.record import Status

# Flags of inodes (ext4's disk layout, "Inode Flags").
ENCRYPTED, INLINE = 0x800, 0x1000_0000
INLINE_NAME = "system.data"  # the attribute that goes on where an inode has no more room
DOTS = (".", "..")


def members(volume: BinaryIO) -> Iterator[Member]:
    """All that the volume lists, a folder's files ahead of what is in its folders."""
    from dissect.extfs.extfs import ExtFS

    system: Any = ExtFS(volume)
    folders: list[tuple[str, Any]] = [("", system.root)]
    met: set[int] = set()
    while folders:
        path, folder = folders.pop()
        if folder.inum in met:
            continue
        met.add(folder.inum)
        try:
            for entry in folder.iterdir():
                inner = f"{path}{entry.filename}"
                if entry.filename in DOTS:
                    continue
                try:
                    kind = stat.S_IFMT(entry.inode.i_mode)
                    if kind == stat.S_IFDIR:
                        folders.append((f"{inner}/", entry))
                    elif kind == stat.S_IFREG:
                        yield _file(system, inner, entry)
                    else:
                        yield Member(inner, None, Status.UNSUPPORTED, content.LINK)
                except Exception as error:  # the library raises nearly anything on broken ones
                    yield content.broken(inner, error)
        except Exception as error:
            yield content.broken(path or ".", error)


def _file(system: Any, path: str, entry: Any) -> Member:
    if entry.inode.i_flags & ENCRYPTED:
        return Member(path, None, Status.ENCRYPTED, "the file is encrypted by its file system")
    if entry.inode.i_flags & INLINE:
        data = bytes(entry.inode.i_block)
        data += b"".join(it.value for it in entry.xattr if it.name == INLINE_NAME)
        return content.file(path, entry.size, lambda: io.BytesIO(data[: entry.size]), ())
    # A block of number 0 stands for zeros that are not stored.
    runs = [(start or None, count) for start, count in entry.dataruns()]
    stored = content.stretches(runs, system.block_size, entry.size)

    def opened() -> Any:
        from dissect.util.stream import RunlistStream

        return RunlistStream(system.fh, runs, entry.size, system.block_size)

    return content.file(path, entry.size, opened, stored)
