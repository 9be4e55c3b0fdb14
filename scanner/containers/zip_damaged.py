"""Zip archives that lost their end: their members are found by their own headers.

Of what the headers say a new list of members is made and put behind the bytes, so that such an
archive is read as any other is.
"""

from __future__ import annotations

import io
import os
import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import BinaryIO

from scanner.containers.container import CHUNK_BYTES, OverLimit
from scanner.containers.positioned import Positioned
from scanner.containers.zip_names import UNICODE_PATH, UTF8_FLAG, extra_fields

DESCRIPTOR_FLAG = 0x8
# What looking for members may cost where there are none.
MOST_TRIES, MOST_TRIES_A_MEMBER = 1_000_000, 4
MOST_NAMES = 1 << 26  # bytes of names and extra fields
LATEST_VERSION = 63  # of the standard, in tenths; what decides is the method
LOCAL, CENTRAL, DESCRIPTOR = b"PK\3\4", b"PK\1\2", b"PK\7\x08"
SIGNATURE = re.compile(b"|".join(map(re.escape, (LOCAL, CENTRAL, DESCRIPTOR))))
LOCAL_HEADER = struct.Struct("<4s5H3I2H")
# Checksum, stored size, size: behind a member whose header was written before they were known.
NARROW, WIDE = struct.Struct("<III"), struct.Struct("<IQQ")
ZIP64, AES_FIELD = 0x0001, 0x9901
AES_FIELD_BYTES = 7
IN_ZIP64 = 0xFFFF_FFFF  # stands where the number is in the zip64 field
CENTRAL_HEADER = struct.Struct("<4s6H3I5H2I")
ZIP64_FIELD = struct.Struct("<HHQQQ")
ZIP64_END, ZIP64_LOCATOR = struct.Struct("<4sQ2H2I4Q"), struct.Struct("<4sIQI")
END = struct.Struct("<4s4H2IH")


class Spliced(Positioned):
    """The first bytes of a stream, as many as `head`, and `tail` behind them."""

    def __init__(self, stream: BinaryIO, head: int, tail: bytes = b"") -> None:
        super().__init__(head + len(tail))
        self._stream = stream
        self._head = head
        self._tail = tail

    def bytes_at(self, place: int, size: int) -> bytes:
        if place >= self._head:
            return self._tail[place - self._head :][:size]
        self._stream.seek(place)
        return self._stream.read(min(size, self._head - place))


@dataclass(frozen=True)
class Entry:
    """What a local header says of its member.

    place: of the header. start: of the member's bytes. stored: how many there are; None where their
    end was not found. extra: those of its extra fields that a list of members has, too.
    """

    place: int
    start: int
    name: bytes
    flags: int
    method: int
    modified: tuple[int, int]
    checksum: int
    stored: int | None
    size: int
    extra: bytes
    is_wide: bool


def entries(stream: BinaryIO, most: int) -> list[Entry]:
    """The first `most` members whose headers are there, in their order, none inside another.

    In one pass: a data descriptor says how far back its member begins.
    """
    size = stream.seek(0, os.SEEK_END)
    found: list[Entry] = []
    endless: dict[int, int] = {}  # start of a member to its place in `found`
    done = names = tries = 0
    for place, signature in _signatures(stream):
        if place < done:
            continue
        tries += 1
        if tries > MOST_TRIES + MOST_TRIES_A_MEMBER * len(found) or names > MOST_NAMES:
            raise OverLimit("too many marks of members that lead nowhere, or too long names")
        _end_by_descriptor(stream, place, signature, found, endless)
        if signature != LOCAL or (entry := _entry(stream, place)) is None:
            continue
        if len(found) == most:
            break
        done = entry.start
        if entry.stored is None:
            endless[entry.start] = len(found)
        elif entry.start + entry.stored <= size:
            done += entry.stored
        else:
            entry = replace(entry, stored=None)
        found.append(entry)
        names += len(entry.name) + len(entry.extra)
    return found


def _signatures(stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Place and bytes of every signature; the stream may be read elsewhere meanwhile."""
    place, left = 0, b""
    while True:
        stream.seek(place + len(left))
        chunk = stream.read(CHUNK_BYTES)
        if not chunk:
            return
        data = left + chunk
        for match in SIGNATURE.finditer(data):
            yield place + match.start(), match[0]
        left = data[1 - len(LOCAL) :]
        place += len(data) - len(left)


def _entry(stream: BinaryIO, place: int) -> Entry | None:
    """The member that the header at `place` is of; None where the header makes no sense."""
    stream.seek(place)
    header = stream.read(LOCAL_HEADER.size)
    if len(header) < LOCAL_HEADER.size:
        return None
    (
        _, version, flags, method, time, date, checksum, stored, size, name_bytes, extra_bytes,
    ) = LOCAL_HEADER.unpack(header)  # fmt: skip
    if not name_bytes or version & 0xFF > LATEST_VERSION:
        return None
    name, fields = stream.read(name_bytes), stream.read(extra_bytes)
    if len(fields) < extra_bytes or not _is_decodable(name, flags):
        return None
    extra = b""
    is_wide = False
    for number, field in extra_fields(fields):
        if number == ZIP64:
            is_wide = True
            sizes = [value for (value,) in struct.iter_unpack("<Q", field[: len(field) & ~7])]
            size = sizes.pop(0) if size == IN_ZIP64 and sizes else size
            stored = sizes.pop(0) if stored == IN_ZIP64 and sizes else stored
        elif (number == AES_FIELD and len(field) == AES_FIELD_BYTES) or (
            number == UNICODE_PATH and len(field) > 5 and _is_decodable(field[5:], UTF8_FLAG)
        ):
            extra += struct.pack("<HH", number, len(field)) + field
    is_endless = bool(flags & DESCRIPTOR_FLAG) and not stored
    start = place + LOCAL_HEADER.size + name_bytes + extra_bytes
    return Entry(
        place, start, name, flags, method, (time, date), checksum, None if is_endless else stored,
        size, extra, is_wide,
    )  # fmt: skip


def _is_decodable(name: bytes, flags: int) -> bool:
    """Whether a name is the UTF-8 that it claims to be, if it does."""
    try:
        name.decode("utf-8" if flags & UTF8_FLAG else "cp437")
    except UnicodeDecodeError:
        return False
    return True


def _end_by_descriptor(
    stream: BinaryIO, place: int, signature: bytes, found: list[Entry], endless: dict[int, int]
) -> None:
    """Give the member its end whose data descriptor stands at `place`.

    One without a signature of its own stands before that of what follows. What else was found in
    the member's bytes is no member of this archive.
    """
    if not endless:
        return
    for numbers in (NARROW, WIDE):
        if signature == DESCRIPTOR:
            end, at = place, place + len(DESCRIPTOR)
        else:
            end = at = place - numbers.size
        stream.seek(max(0, at))
        descriptor = stream.read(numbers.size)
        if at < 0 or len(descriptor) < numbers.size:
            continue
        checksum, stored, size = numbers.unpack(descriptor)
        index = endless.get(end - stored, len(found))
        if index < len(found) and found[index].is_wide is (numbers is WIDE):
            entry = found[index]
            if entry.start == end - stored:
                found[index:] = [replace(entry, checksum=checksum, stored=stored, size=size)]
                del endless[entry.start]
                return


def listed(stream: BinaryIO, members: Sequence[Entry]) -> BinaryIO:
    """`stream` with a list of `members` behind it, whose ends are known, as an archive has one."""
    size = stream.seek(0, os.SEEK_END)
    directory = b"".join(map(_central, members))
    count = len(members)
    end64 = ZIP64_END.pack(
        b"PK\6\6", ZIP64_END.size - 12, 45, 45, 0, 0, count, count, len(directory), size
    )
    locator = ZIP64_LOCATOR.pack(b"PK\6\7", 0, size + len(directory), 1)
    end = END.pack(b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, IN_ZIP64, IN_ZIP64, 0)
    return io.BufferedReader(Spliced(stream, size, directory + end64 + locator + end))


def _central(entry: Entry) -> bytes:
    sizes = ZIP64_FIELD.pack(ZIP64, 24, entry.size, entry.stored, entry.place)
    extra = sizes + entry.extra
    return (
        CENTRAL_HEADER.pack(
            CENTRAL, 45, 45, entry.flags, entry.method, *entry.modified, entry.checksum, IN_ZIP64,
            IN_ZIP64, len(entry.name), len(extra), 0, 0, 0, 0, IN_ZIP64,
        ) + entry.name + extra
    )  # fmt: skip
