"""Files of ext2, ext3 and ext4 volumes. The library gives none that were deleted."""

from __future__ import annotations

import io
import stat
import struct
from collections.abc import Iterator
from typing import Any, BinaryIO

from scanner.containers.container import Member
from scanner.containers.disks import content
from scanner.record import Status

# Flags of inodes (ext4's disk layout, "Inode Flags").
ENCRYPTED, INLINE = 0x800, 0x1000_0000
INLINE_NAME = "system.data"  # the attribute that goes on where an inode has no more room
KINDS_IN_ENTRIES = 0x2  # of a volume's incompatible features
ENTRY, ENTRY_BYTES = struct.Struct("<IHBB"), 8
LONGEST_FOLDER = 1 << 28
DOTS = (".", "..")


def members(volume: BinaryIO) -> Iterator[Member]:
    from dissect.extfs.extfs import ExtFS

    system: Any = ExtFS(volume)

    def listed(folder: content.Folder) -> Iterator[Member | content.Folder]:
        for number, name in _entries(system, folder.entry):
            if name not in DOTS:
                path = f"{folder.path}{name}"
                try:
                    yield _item(system, path, system.get_inode(number, name))
                except Exception as error:  # the library raises nearly anything on broken inodes
                    yield content.broken(path, error)

    yield from content.walked(content.Folder("", system.root.inum, system.root), listed)


def _item(system: Any, path: str, entry: Any) -> Member | content.Folder:
    kind = stat.S_IFMT(entry.inode.i_mode)
    if kind == stat.S_IFDIR:
        return content.Folder(f"{path}/", entry.inum, entry)
    if kind == stat.S_IFREG:
        return _file(system, path, entry)
    return Member(path, None, Status.UNSUPPORTED, content.LINK)


def _entries(system: Any, folder: Any) -> Iterator[tuple[int, str]]:
    """Inode and name of what the folder lists, in place of the library's.

    That ends without a word where a list is damaged. Raises ValueError there.
    """
    data = folder.open().read(min(folder.size, LONGEST_FOLDER))
    # Without kinds of files in its entries, a volume takes two bytes for the length of a name.
    has_kinds = bool(system.sb.s_feature_incompat & KINDS_IN_ENTRIES)
    place = 0
    while place + ENTRY_BYTES <= len(data):
        number, length, name_bytes, kind = ENTRY.unpack_from(data, place)
        name_bytes |= 0 if has_kinds else kind << 8
        if length < ENTRY_BYTES or place + ENTRY_BYTES + name_bytes > len(data):
            raise ValueError("its list of files is damaged")
        if number:
            name = data[place + ENTRY_BYTES :][:name_bytes]
            yield number, name.decode(errors="surrogateescape")
        place += length


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
