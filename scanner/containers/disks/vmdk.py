"""VMware's disk images: one file, or several that a descriptor names in their order."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import Any, NamedTuple

from scanner.containers.container import MemberError
from scanner.record import Status

DESCRIPTOR = b"# Disk DescriptorFile"
SPARSE = (b"KDMV", b"COWD")
NO_PARENT = "ffffffff"
SNAPSHOT = "it holds only what differs from another disk image, which is not looked for"
LONGEST_DESCRIPTOR = 1 << 16
SECTOR_BYTES = 512
EXTENT = re.compile(
    r'(?:RW|RDONLY|NOACCESS)\s+(?P<sectors>\d{1,18})\s+(?P<kind>\w+)(?:\s+"(?P<name>[^"]+)")?'
    r"(?:\s+(?P<start>\d{1,18}))?"
)
PARENT = re.compile(r"^[ \t]*parentCID[ \t]*=[ \t]*(\w+)", re.MULTILINE)


class Extent(NamedTuple):
    """A stretch of the disk. start: in sectors, where it begins in a file that is not sparse."""

    sectors: int
    kind: str
    name: str | None
    start: int

    @property
    def is_sparse(self) -> bool:
        return "SPARSE" in self.kind

    def leaves(self, size: int) -> bool:
        """Whether a file of `size` bytes has more of them than the extent takes."""
        return not self.is_sparse and size > (self.start + self.sectors + 1) * SECTOR_BYTES


def extents(descriptor: bytes) -> list[Extent]:
    """Those of the disk, in their order; none for what is no descriptor."""
    if not descriptor.startswith(DESCRIPTOR):
        return []
    lines = descriptor.decode(errors="replace").splitlines()
    found = [match for line in lines if (match := EXTENT.match(line.strip()))]
    return [
        Extent(int(it["sectors"]), it["kind"], it["name"], int(it["start"] or 0)) for it in found
    ]


class Vmdk:
    """The disk as the library reads it. Raises MemberError where that is not to be had.

    parts: a descriptor and the files that it names, in their order, or one file.
    """

    align = 1 << 16

    def __init__(self, parts: Sequence[Any]) -> None:
        from dissect.hypervisor.disk.vmdk import SparseDisk

        descriptor = parts[0].read(LONGEST_DESCRIPTOR)
        self._extents: list[tuple[Extent, Any]] = []
        if descriptor.startswith(DESCRIPTOR):
            files = iter(parts[1:])
            for extent in extents(descriptor):
                disk = next(files, None) if extent.name is not None else None
                if extent.name is not None and disk is None:
                    raise MemberError(Status.UNSUPPORTED, f"{extent.name} does not lie beside it")
                if disk is not None and extent.is_sparse:
                    disk = SparseDisk(disk)
                self._extents.append((extent, disk))
        else:
            disk = SparseDisk(parts[0])
            descriptor = disk.descriptor.raw.encode() if disk.descriptor else b""
            self._extents.append((Extent(disk.sector_count, "SPARSE", None, 0), disk))
        parent = PARENT.search(descriptor.decode(errors="replace"))
        if parent and parent[1].lower() != NO_PARENT:
            raise MemberError(Status.UNSUPPORTED, SNAPSHOT)
        self._starts = [0, *accumulate(extent.sectors for extent, _ in self._extents)]
        self.size = self._starts[-1] * SECTOR_BYTES
        self._sector = 0

    def seek(self, place: int) -> None:
        self._sector, self._skipped = divmod(place, SECTOR_BYTES)

    def read(self, size: int) -> bytes:
        number = bisect_right(self._starts, self._sector) - 1
        extent, disk = self._extents[number]
        sector = self._sector - self._starts[number]
        count = min(-(-(self._skipped + size) // SECTOR_BYTES), extent.sectors - sector)
        if disk is None:
            data = bytes(count * SECTOR_BYTES)
        elif extent.is_sparse:
            data = disk.read_sectors(sector, count)
        else:
            disk.seek((extent.start + sector) * SECTOR_BYTES)
            data = disk.read(count * SECTOR_BYTES)
        return data[self._skipped : self._skipped + size]
