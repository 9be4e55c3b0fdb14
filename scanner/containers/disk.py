"""Disk images: raw ones, with partitions or a single volume, and those in a format of their own.

Each file that a file system lists is a member; what no file takes is searched for pictures, like
all bytes that a container's members leave over.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, BinaryIO, NamedTuple

from scanner.containers.container import CHUNK_BYTES, Member, MemberError, detail
from scanner.containers.disks import ewf, exfat, ext, fat, ntfs
from scanner.containers.disks.virtual import disk_in, is_virtual
from scanner.images.signatures import is_image
from scanner.kinds import HEAD_BYTES, TAIL_BYTES, encrypted, kind_of
from scanner.kinds.unopened import PARTITIONED, may_be_disk
from scanner.kinds.unopened import name as kind_name
from scanner.limits import Limits
from scanner.record import Status, path_text

NOUN = "disk image"
MISSING = "a disk image; to open it, pip install 'imgscan[disk]' (under the AGPL)"
FIRST_BYTES = 2048  # in which all marks lie that tell a disk or a volume
MOST_BLANK = 1 << 26  # bytes of a partition that are read to see whether there is anything in it
SECTORS = (512, 4096)  # sizes in bytes that partition tables count in
SYSTEMS: dict[str, Callable[[BinaryIO], Iterator[Member | None]]] = {
    "a FAT volume": fat.members,
    "an exFAT volume": exfat.members,
    "an NTFS volume": ntfs.members,
    "an ext file system": ext.members,
}


class _Volume(NamedTuple):
    """A stretch of a disk.

    name: ahead of its files' paths, empty where it is all of the disk. missing: how many bytes the
    disk lacks of it.
    """

    name: str
    start: int
    size: int
    missing: int = 0

    def on_disk(self, stored: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
        """Where stretches of the volume lie on the disk."""
        cut = ((start, min(stop, self.size)) for start, stop in stored)
        return [(self.start + start, self.start + stop) for start, stop in cut if start < stop]


def recognises(head: bytes, stream: BinaryIO) -> bool:
    if is_virtual(head):
        return not head.startswith(ewf.MAGIC) or ewf.segment(head) == 1
    if is_image(head):
        return False
    stream.seek(0)
    start = stream.read(FIRST_BYTES)
    # The marks of what is no disk may lie further in.
    return may_be_disk(start) and _is_opened(_name(stream, 0, stream.seek(0, os.SEEK_END)))


def holds_disk(stream: BinaryIO) -> bool:
    """Whether the image has a format of its own, so that its bytes are not the disk's. Rewinds."""
    stream.seek(0)
    head = stream.read(FIRST_BYTES)
    stream.seek(0)
    return is_virtual(head)


def members(
    stream: BinaryIO, name: str, limits: Limits, passwords: Sequence[str]
) -> Iterator[Member | None]:
    """The files of each volume in turn. Raises MemberError for what cannot be opened."""
    try:
        import dissect.evidence
        import dissect.extfs
        import dissect.fat
        import dissect.hypervisor
        import dissect.ntfs
        import dissect.volume  # noqa: F401
    except ImportError as error:
        raise MemberError(Status.UNSUPPORTED, MISSING) from error
    disk = _disk(stream, limits)
    is_image = disk is not stream
    for volume in _volumes(disk):
        inside = f"{name}!/{volume.name}/" if volume.name else f"{name}!/"
        for member in _files(disk, volume):
            if member is None:
                yield None
                continue
            if not member.path and not volume.name and not is_image and member.status is not None:
                raise MemberError(member.status, member.error or "")  # of all that there is
            own = f"{name}!/{volume.name or 'volume'}"  # of the volume itself
            path = f"{inside}{path_text(member.path)}" if member.path else own
            yield replace(member, path=path, stored=volume.on_disk(member.stored))


def _disk(stream: BinaryIO, limits: Limits) -> BinaryIO:
    """The disk in the image. Raises MemberError where there is none to be had."""
    try:
        disk = disk_in(stream)
        size, stored = (it.seek(0, os.SEEK_END) for it in (disk, stream))
        if size > max(limits.file_bytes, limits.ratio * stored):
            times = f"more than {limits.ratio:,} times the {stored:,} that are stored"
            raise MemberError(Status.OVER_LIMIT, f"a disk of {size:,} bytes, {times}")
        disk.seek(0)
        if not disk.read(1):
            raise EOFError("it holds no disk")
    except MemberError:
        raise
    except Exception as error:  # the libraries raise nearly anything on broken images
        why = f"a disk image that cannot be opened: {detail(error)}"
        raise MemberError(Status.UNSUPPORTED, why) from error
    return disk


def _volumes(disk: BinaryIO) -> Iterator[_Volume]:
    """The partitions of a disk, or the one volume that it is."""
    size = disk.seek(0, os.SEEK_END)
    if _name(disk, 0, size) not in PARTITIONED:
        yield _Volume("", 0, size)
        return
    for number, partition in enumerate(_partitions(disk), 1):
        start = min(partition.offset, size)
        there = min(partition.size, size - start)
        yield _Volume(f"partition-{number}", start, there, partition.size - there)


def _partitions(disk: BinaryIO) -> Sequence[Any]:
    from dissect.volume.disk import Disk

    errors = []
    for sector in SECTORS:
        try:
            disk.seek(0)
            return Disk(disk, sector).partitions
        except Exception as error:  # the library raises nearly anything on broken tables
            errors.append(error)
    raise errors[0]


def _files(disk: BinaryIO, volume: _Volume) -> Iterator[Member | None]:
    from dissect.util.stream import RangeStream

    if volume.missing:
        why = f"the image breaks off {volume.missing:,} bytes before the partition ends"
        yield Member("", None, Status.UNREADABLE, why)
    name = _name(disk, volume.start, volume.size)
    if name in SYSTEMS:
        stream: Any = RangeStream(disk, volume.start, volume.size)
        try:
            yield from SYSTEMS[name](stream)
        except Exception as error:  # the library raises nearly anything on broken file systems
            why = f"{name} that cannot be opened: {detail(error)}"
            yield Member("", None, Status.UNSUPPORTED, why)
    elif not _is_blank(disk, volume):
        yield Member("", None, *_unopened(disk, volume))


def _unopened(disk: BinaryIO, volume: _Volume) -> tuple[Status, str]:
    """What is said of a volume that no file system here reads."""
    kind = kind_of(*_ends(disk, volume.start, volume.size), volume.size)
    if kind.status is Status.ENCRYPTED:
        return kind.status, f"{kind.name}; it is encrypted"
    name = kind.name or "a partition of unknown kind"
    return Status.UNSUPPORTED, f"{name}, which imgscan does not open"


def _name(disk: BinaryIO, start: int, size: int) -> str | None:
    """What the stretch of the disk is called, if it is of a kind with a mark of its own."""
    head, tail = _ends(disk, start, size)
    return None if encrypted.name(head) else kind_name(head, tail)


def _ends(disk: BinaryIO, start: int, size: int) -> tuple[bytes, bytes]:
    disk.seek(start)
    head = disk.read(min(HEAD_BYTES, size))
    disk.seek(start + max(0, size - TAIL_BYTES))
    return head, disk.read(min(TAIL_BYTES, size))


def _is_opened(name: str | None) -> bool:
    return name in SYSTEMS or name in PARTITIONED


def _is_blank(disk: BinaryIO, volume: _Volume) -> bool:
    """Whether it holds nothing but zeros, as those do that systems keep for later."""
    if volume.size > MOST_BLANK:
        return False
    disk.seek(volume.start)
    left = volume.size
    while left > 0 and (chunk := disk.read(min(CHUNK_BYTES, left))):
        if chunk.strip(b"\0"):
            return False
        left -= len(chunk)
    return True
