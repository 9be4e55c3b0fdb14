"""Files of NTFS volumes: all that the master file table (MFT) has records of, deleted ones too.

A file may have further streams, whose names follow that of the file behind a colon; whatever is
hidden in one has a row.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO, NamedTuple

from scanner.containers.container import Member
from scanner.containers.disks import content
from scanner.containers.disks.clusters import Bitmap, Counted
from scanner.record import Status

# What the volume keeps for itself, whose bytes are searched as those that no file takes: the
# content of the first records, of which the last are kept free, and streams as large as the volume
# or with no bytes of their own.
OWN_RECORDS, RESERVED_RECORDS = 12, 16
OWN_STREAMS = ((8, "$Bad"), (9, "$SDS"))
EXTEND_RECORD, CHANGES, CHANGES_STREAMS = 11, "$UsnJrnl", ("$J", "$Max")
BITMAP_RECORD = 6
IN_USE = 1
RECORDS_A_SIGN = 1_000
ENCRYPTED = 0x4000  # of a stream's flags
ELSEWHERE = "its content does not lie on this volume as a file's does: it is compressed or remote"

Runs = list[tuple[int | None, int]]


class _Stream(NamedTuple):
    """A file's content, or a further stream. attributes: those of the record that it is in."""

    path: str
    is_deleted: bool
    attributes: Any
    record: Any


def members(volume: BinaryIO) -> Iterator[Member | None]:
    """In the order of the table, those in use first; None every RECORDS_A_SIGN records."""
    from dissect.ntfs.c_ntfs import ATTRIBUTE_TYPE_CODE
    from dissect.ntfs.ntfs import NTFS

    system: Any = NTFS(volume)
    deleted: list[int] = []
    used, clusters = _used(system)
    counted = Counted(clusters)
    table = system.mft.get(0)
    in_use = Bitmap(table.open("", ATTRIBUTE_TYPE_CODE.BITMAP).read(_records(system) // 8 + 1))
    for number in range(_records(system)):
        if number % RECORDS_A_SIGN == 0:
            yield None
        for stream in _streams(system, number, in_use.is_used(number, 1)):
            if isinstance(stream, Member):
                yield stream
            elif not stream.is_deleted:
                yield _file(system, stream)
            else:
                if deleted[-1:] != [number]:
                    deleted.append(number)
                _count(stream, counted)
    for number in deleted:
        for stream in _streams(system, number, is_listed=False):
            if isinstance(stream, _Stream):
                yield _deleted(system, stream, used, counted)


def _records(system: Any) -> int:
    size: int = system.mft.get(0).size()
    return size // system._record_size


def _used(system: Any) -> tuple[Bitmap, int]:
    """The clusters in use, and how many there are."""
    record = system.mft.get(BITMAP_RECORD)
    sectors = system.boot_sector.NumberSectors
    clusters = min(int(sectors) * system.sector_size // system.cluster_size, 8 * record.size())
    return Bitmap(record.open().read(-(-clusters // 8))), clusters


def _streams(system: Any, number: int, is_listed: bool) -> Iterator[_Stream | Member]:
    """What the record holds; a member for what is broken. is_listed: whether it is in use."""
    from dissect.ntfs.c_ntfs import ATTRIBUTE_TYPE_CODE
    from dissect.ntfs.exceptions import BrokenMftError

    try:
        record = system.mft.get(number)
    except BrokenMftError as error:  # as those are that were never in use
        if is_listed:
            yield content.broken(f"$MFT/{number}", error)
        return
    except Exception as error:  # the library raises nearly anything on broken records
        yield content.broken(f"$MFT/{number}", error)
        return
    is_deleted = not record.header.Flags & IN_USE
    base = record.header.BaseFileRecordSegment
    if base.SegmentNumberLowPart or base.SegmentNumberHighPart:  # it goes on from that one
        return
    try:
        path = record.full_path(ignore_dos=True) or f"$MFT/{number}"
        path = path.replace("\\", "/")
        attributes = record.attributes[ATTRIBUTE_TYPE_CODE.DATA]
        for name in dict.fromkeys(attribute.header.name for attribute in attributes):
            # Not by the library, to which a.txt:b and a.txt:B are one.
            same = (it for it in attributes if it.header.name == name)
            found = type(attributes)(same)
            if not _is_own(record, name, found.size()):
                title = f"{path}:{name}" if name else path
                yield _Stream(title, is_deleted, found, record)
    except Exception as error:
        if not is_deleted:  # what is left of deleted ones is often broken
            yield content.broken(f"$MFT/{number}", error)


def _is_own(record: Any, name: str, size: int) -> bool:
    """Whether a stream of `size` bytes is the volume's own."""
    number: int = record.segment
    if not name:
        return number < OWN_RECORDS or (number < RESERVED_RECORDS and not size)
    if (number, name) in OWN_STREAMS:
        return True
    parent = record.attributes.FILE_NAME.attr.ParentDirectory.SegmentNumberLowPart
    return parent == EXTEND_RECORD and record.filename == CHANGES and name in CHANGES_STREAMS


def _file(system: Any, stream: _Stream) -> Member:
    try:
        return _member(system, stream, stream.path)
    except Exception as error:
        return content.broken(stream.path, error)


def _deleted(system: Any, stream: _Stream, used: Bitmap, counted: Counted) -> Member:
    path = f"{content.DELETED}{stream.path}"
    try:
        runs = _stored_runs(stream)
        if any(used.is_used(start, count) for start, count in runs):
            return Member(path, None, Status.UNREADABLE, content.TAKEN)
        member = _member(system, stream, path)
    except Exception as error:
        return content.broken(path, error)
    # Where two of them claim the same clusters, each may be the other's: these are searched.
    if any(counted.is_shared(start, count) for start, count in runs):
        return Member(path, member.open, member.status, member.error)
    return member


def _count(stream: _Stream, counted: Counted) -> None:
    try:
        for start, count in _stored_runs(stream):
            counted.add(start, count)
    except Exception:  # its row will say that it is broken
        return


def _runs(stream: _Stream) -> Runs:
    return [] if stream.attributes.header.resident else stream.attributes.dataruns()


def _stored_runs(stream: _Stream) -> list[tuple[int, int]]:
    return [(start, count) for start, count in _runs(stream) if start is not None]


def _member(system: Any, stream: _Stream, path: str) -> Member:
    header = stream.attributes.header
    size = stream.attributes.size()
    if header.flags & ENCRYPTED:
        return Member(path, None, Status.ENCRYPTED, "the file is encrypted by its file system")
    if header.resident:
        return content.file(path, size, stream.attributes.open, _resident(system, stream, size))
    runs = _runs(stream)
    if size and stream.record.is_reparse_point() and all(start is None for start, _ in runs):
        return Member(path, None, Status.UNSUPPORTED, ELSEWHERE)
    first = min(stream.attributes, key=lambda attribute: attribute.header.lowest_vcn).header
    if first.compression_unit:
        stored = _by_units(runs, 1 << first.compression_unit, system.cluster_size, first.size)
        return content.file(path, first.size, stream.attributes.open, stored)
    valid = min(int(first.header.Form.Nonresident.ValidDataLength), first.size)
    stored = content.stretches(runs, system.cluster_size, valid)
    return content.file(path, first.size, stream.attributes.open, stored, valid)


def _by_units(runs: Runs, unit: int, cluster: int, size: int) -> list[tuple[int, int]]:
    """What a stream takes that is compressed in units of so many clusters.

    One of which fewer are stored is compressed, and all of these are read; of any other what lies
    behind the stream's end is not the stream's.
    """
    stored: list[tuple[int, int]] = []
    part: Runs = []
    room, left = unit, size
    for start, count in runs:
        if count < 1:
            raise ValueError("its list of clusters overlaps")
        while count > 0 and left > 0:
            taken = min(count, room)
            part.append((start, taken))
            start = None if start is None else start + taken
            count, room = count - taken, room - taken
            if not room:
                is_packed = any(it is None for it, _ in part)
                stored += content.stretches(part, cluster, unit * cluster if is_packed else left)
                part, room, left = [], unit, left - unit * cluster
    return stored + content.stretches(part, cluster, max(0, left))


def _resident(system: Any, stream: _Stream, size: int) -> Sequence[tuple[int, int]]:
    """Where on the volume a content lies that its record holds itself."""
    header = stream.attributes.header
    place = stream.record.segment * system._record_size + header.offset
    place += header.header.Form.Resident.ValueOffset
    # Records do not reach from one run of the table into the next, but where clusters are small.
    behind = place
    for start, count in system.mft.fh.runlist:
        length = count * system.cluster_size
        if start is not None and behind < length:
            begin = start * system.cluster_size + behind
            return ((begin, begin + size),) if behind + size <= length else ()
        behind -= length
    return ()
