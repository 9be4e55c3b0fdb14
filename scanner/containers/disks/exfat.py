"""Files of exFAT volumes, deleted ones too, where the volume still says where they lay.

By the library's structures alone: its own reader takes a fragmented file for whole, and fails on
folders of more than a cluster.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, BinaryIO, NamedTuple

from scanner.containers.container import Member
from scanner.containers.disks import content
from scanner.containers.disks.clusters import Bitmap
from scanner.record import Status

ENTRY_BYTES = 32
# Types of directory entries (Microsoft's exFAT specification, 7); without IN_USE, of deleted files.
IN_USE = 0x80
BITMAP, FILE, STREAM, NAME = 0x81, 0x85, 0xC0, 0xC1
FIRST_CLUSTER, LAST_CLUSTERS = 2, 0xFFFF_FFF7
LONGEST_FOLDER = 1 << 28  # bytes, as the specification bounds them

Runs = Sequence[tuple[int, int]]


class _Entry(NamedTuple):
    """What a folder says of a file or folder.

    is_whole: its clusters follow each other. valid: how many bytes of it were ever written.
    """

    name: str
    is_folder: bool
    is_deleted: bool
    is_whole: bool
    cluster: int
    size: int
    valid: int = 0


def members(volume: BinaryIO) -> Iterator[Member]:
    system = _Volume(volume)

    def listed(folder: content.Folder) -> Iterator[Member | content.Folder]:
        for entry in system.entries(folder.entry):
            path = f"{folder.path}{entry.name}"
            if not entry.is_folder:
                yield from system.member(path, entry)
            elif not entry.is_deleted:
                yield content.Folder(f"{path}/", entry.cluster, entry)

    root = _Entry("", True, False, False, system.root, LONGEST_FOLDER)
    yield from content.walked(content.Folder("", root.cluster, root), listed)


class _Volume:
    """An exFAT volume. root: the first cluster of its root folder."""

    def __init__(self, volume: BinaryIO) -> None:
        from dissect.fat.c_exfat import c_exfat

        volume.seek(0)
        facts: Any = c_exfat.EXFAT_HEADER(volume.read(512))
        self._volume = volume
        self._sector = 1 << facts.bytes_per_sector_exp
        self._cluster = self._sector << facts.sectors_per_cluster_exp
        self._table = facts.fat_sector * self._sector
        self._heap = facts.cluster_heap_sector * self._sector
        self._count = facts.cluster_heap_count
        self._bitmap: Bitmap | None = None
        self.root = facts.root_dir_cluster

    def member(self, path: str, entry: _Entry) -> Iterator[Member]:
        """The file; of a deleted one only if it can still be told where it lay."""
        try:
            runs = self._runs(entry)
        except ValueError as error:
            if not entry.is_deleted:
                yield content.broken(path, error)
            return
        if entry.is_deleted:
            if sum(count for _, count in runs) * self._cluster < max(entry.size, 1):
                return
            path = f"{content.DELETED}{path}"
            bitmap = self._bitmap
            if bitmap is None or any(bitmap.is_used(first, count) for first, count in runs):
                yield Member(path, None, Status.UNREADABLE, content.TAKEN)
                return
        inside = content.stretches(runs, self._cluster, min(entry.valid, entry.size))
        stored = [(self._heap + first, self._heap + last) for first, last in inside]
        opened = partial(self._opened, runs, entry.size)
        yield content.file(path, entry.size, opened, stored, entry.valid)

    def entries(self, folder: _Entry) -> Iterator[_Entry]:
        """What the folder lists. The root also says where the bitmap of used clusters lies.

        Raises ValueError at the end where entries are damaged.
        """
        runs = self._runs(folder)
        size = min(folder.size, sum(count for _, count in runs) * self._cluster, LONGEST_FOLDER)
        stream = self._opened(runs, size)
        damaged = 0
        while len(head := stream.read(ENTRY_BYTES)) == ENTRY_BYTES and head[0]:
            kind = head[0] | IN_USE
            if head[0] == BITMAP:
                self._bitmap = self._read_bitmap(head)
            elif kind == FILE:
                place = stream.tell()
                following = stream.read(head[1] * ENTRY_BYTES)
                entry = _entry(head, following)
                # Of a deleted one, some of the following may belong to another file by now.
                if entry is None or entry.is_deleted:
                    stream.seek(place)
                if entry is not None:
                    yield entry
                elif head[0] & IN_USE:
                    damaged += 1
        if damaged:
            raise ValueError(f"{damaged:,} of its entries are damaged")

    def _read_bitmap(self, head: bytes) -> Bitmap:
        cluster, size = struct.unpack_from("<IQ", head, 20)
        entry = _Entry("", False, False, False, cluster, min(size, self._count // 8 + 1))
        return Bitmap(self._opened(self._runs(entry), entry.size).read(entry.size))

    def _runs(self, entry: _Entry) -> Runs:
        """Its runs of clusters, counted from the first. Raises ValueError for a broken list."""
        if not entry.size:
            return []
        if entry.is_whole:
            return [(entry.cluster - FIRST_CLUSTER, -(-entry.size // self._cluster))]
        runs: list[tuple[int, int]] = []
        cluster, number = entry.cluster, 0
        while FIRST_CLUSTER <= cluster < LAST_CLUSTERS:
            number += 1
            if number > self._count or cluster >= self._count + FIRST_CLUSTER:
                raise ValueError("its list of clusters leads nowhere")
            place = cluster - FIRST_CLUSTER
            if runs and place == sum(runs[-1]):
                runs[-1] = (runs[-1][0], runs[-1][1] + 1)
            else:
                runs.append((place, 1))
            self._volume.seek(self._table + 4 * cluster)
            cluster = int.from_bytes(self._volume.read(4), "little")
        return runs

    def _opened(self, runs: Runs, size: int) -> Any:
        from dissect.util.stream import RangeStream, RunlistStream

        heap = RangeStream(self._volume, self._heap, self._count * self._cluster)
        return RunlistStream(heap, runs, size, self._cluster)


def _entry(head: bytes, following: bytes) -> _Entry | None:
    """The file that a set of entries describes (7.4, 7.6, 7.7), None for what is no such set."""
    in_use = head[0] & IN_USE
    sets = [following[at : at + ENTRY_BYTES] for at in range(0, len(following), ENTRY_BYTES)]
    if not sets or sets[0][0] != STREAM & (0x7F | in_use) or len(sets[0]) < ENTRY_BYTES:
        return None
    stream = sets[0]
    names = b"".join(it[2:] for it in sets[1:] if it[0] == NAME & (0x7F | in_use))
    name = names[: 2 * stream[3]].decode("utf-16-le", "replace")
    (attributes,) = struct.unpack_from("<H", head, 4)
    cluster, size = struct.unpack_from("<IQ", stream, 20)
    is_folder, is_whole = bool(attributes & 0x10), bool(stream[1] & 2)
    (valid,) = struct.unpack_from("<Q", stream, 8)
    return _Entry(name, is_folder, not in_use, is_whole, cluster, size, valid)
