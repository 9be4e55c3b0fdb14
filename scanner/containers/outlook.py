"""Messages that Outlook saves (msg): an OLE document whose streams are properties (MS-OXMSG).

Attachments and texts are its members, those of a message within it as well. Of the other streams
only the large ones are, and all whose name is none of a property; the small ones are searched as
bytes.
"""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from scanner.containers.container import Member, MemberError
from scanner.containers.rich_text import expanded
from scanner.limits import Limits
from scanner.record import Status, path_text

if TYPE_CHECKING:
    from olefile import OleFileIO

NOUN = "message of Outlook"
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
SECTOR_SHIFT_AT, DIRECTORY_AT = 0x1E, 0x30
ENTRY_BYTES, ENTRIES, CLASS_AT = 128, 4, 80  # of a directory, as many as every sector holds
MESSAGE_CLASS = bytes.fromhex("0b0d020000000000c000000000000046")
PROPERTY_NAMES = re.compile(r"__(?:substg1\.0|properties_version1|nameid_version1|recip_version1)")
PROPERTY = re.compile(r"__substg1\.0_([0-9A-F]{4})([0-9A-F]{4})", re.IGNORECASE)
ATTACHMENT = re.compile(r"__attach_version1\.0_#([0-9A-F]{1,8})", re.IGNORECASE)
CONTENT, RTF = "3701", "1009"
TEXTS = {"1000": "body.txt", "1013": "body.html", RTF: "body.rtf"}
TITLES = ("3707", "3704", "3001")  # a long name, a short one, what is shown in its place
LONGEST_NAME = 2_048  # bytes
LARGE = 4_096  # bytes; smaller streams lie in one piece, as a rule
UNICODE = "001F"
IS_STORAGE, IS_STREAM = 1, 2


class Stream(NamedTuple):
    """A stream with the storages that it lies in, and where in the file it does."""

    storages: tuple[str, ...]
    name: str
    size: int
    places: list[tuple[int, int]]

    @property
    def tag(self) -> tuple[str, str]:
        """Which property it is and of which type; empty for none."""
        found = PROPERTY.fullmatch(self.name)
        return (found[1].upper(), found[2].upper()) if found else ("", "")


def recognises(head: bytes, stream: BinaryIO) -> bool:
    """Told by the class of the document, or by names among the first of its directory."""
    if not head.startswith(OLE):
        return False
    (shift,) = struct.unpack_from("<H", head, SECTOR_SHIFT_AT)
    (sector,) = struct.unpack_from("<I", head, DIRECTORY_AT)
    if shift not in (9, 12):
        return False
    stream.seek(sector + 1 << shift)
    entries = stream.read(ENTRY_BYTES * ENTRIES)
    names = entries.decode("utf-16-le", "replace")
    return entries.startswith(MESSAGE_CLASS, CLASS_AT) or bool(PROPERTY_NAMES.search(names))


def members(
    stream: BinaryIO, name: str, limits: Limits, passwords: Sequence[str]
) -> Iterator[Member]:
    """Attachments and texts in the order of the directory; those of messages within it below."""
    try:
        import olefile
    except ImportError as error:
        install = "pip install 'imgscan[mail]'"
        raise MemberError(
            Status.UNSUPPORTED, f"a message of Outlook; to read it, {install}"
        ) from error
    with olefile.OleFileIO(stream) as document:
        streams = list(_streams(document, stream.seek(0, io.SEEK_END)))
    titles = _titles(stream, streams)
    for found in streams:
        title = _title(found, titles)
        if title is None:
            continue
        path = f"{name}!/{path_text(title)}"
        if found.size > limits.file_bytes:
            sentence = f"larger than the limit of {limits.file_bytes:,} bytes"
            yield Member(path, None, Status.OVER_LIMIT, sentence)
            continue
        data = _read(stream, found)
        if len(data) < found.size:
            yield Member(path, None, Status.UNREADABLE, "its sectors do not add up to its size")
            continue
        stored = found.places if _is_whole(found, data) else ()
        yield Member(path, partial(_content, found, data), stored=stored)


def _streams(document: OleFileIO, file_bytes: int) -> Iterator[Stream]:
    document.loadminifat()
    root: Any = document.root
    small = list(_sectors(document.fat, root, document.sectorsize, file_bytes))

    def within(storage: Any, storages: tuple[str, ...]) -> Iterator[Stream]:
        for entry in storage.kids:
            if entry.entry_type == IS_STORAGE:
                yield from within(entry, (*storages, entry.name))
            elif entry.entry_type == IS_STREAM:
                yield Stream(storages, entry.name, entry.size, places(entry))

    def places(entry: Any) -> list[tuple[int, int]]:
        if entry.size >= document.minisectorcutoff:
            bytes_each = document.sectorsize
            sectors = _sectors(document.fat, entry, bytes_each, file_bytes)
            starts = ((sector + 1) * bytes_each for sector in sectors)
        else:
            bytes_each, large = document.minisectorsize, document.sectorsize
            sectors = _sectors(document.minifat, entry, bytes_each, file_bytes)
            offsets = (sector * bytes_each for sector in sectors)
            starts = (
                (small[at // large] + 1) * large + at % large
                for at in offsets
                if at // large < len(small)
            )
        return _joined(starts, bytes_each, entry.size)

    yield from within(root, ())


def _sectors(table: Sequence[int], entry: Any, bytes_each: int, file_bytes: int) -> Iterator[int]:
    """The sectors of an entry, as many as its size needs and the file can have."""
    sector = entry.isectStart
    for _ in range(-(-min(entry.size, file_bytes) // bytes_each)):
        if sector >= len(table):
            return
        yield sector
        sector = table[sector]


def _joined(starts: Iterator[int], bytes_each: int, size: int) -> list[tuple[int, int]]:
    """Stretches of `bytes_each` bytes, `size` in all, as few as there are apart."""
    found: list[tuple[int, int]] = []
    for start in starts:
        stop = start + min(bytes_each, size)
        size -= stop - start
        if found and found[-1][1] == start:
            found[-1] = found[-1][0], stop
        else:
            found.append((start, stop))
    return found


def _read(stream: BinaryIO, found: Stream) -> bytes:
    data = io.BytesIO()
    for start, stop in found.places:
        stream.seek(start)
        data.write(stream.read(stop - start))
    return data.getvalue()


def _content(found: Stream, data: bytes) -> io.BytesIO:
    """A member's bytes: of a text those of the text, whatever it is packed in."""
    tag, kind = found.tag
    if tag == RTF:
        data = expanded(data)
    elif tag in TEXTS and kind == UNICODE:
        data = data.decode("utf-16-le", "replace").encode()
    return io.BytesIO(data)


def _is_whole(found: Stream, data: bytes) -> bool:
    """Whether the member holds all that the stream does."""
    tag, kind = found.tag
    if tag in TEXTS and kind == UNICODE:
        return data.decode("utf-16-le", "replace").encode("utf-16-le") == data
    return tag != RTF  # which states how much of the stream it takes


def _titles(stream: BinaryIO, streams: list[Stream]) -> dict[tuple[str, ...], str]:
    """The names of attachments, by the storages that hold them."""
    found: dict[tuple[str, ...], dict[str, str]] = {}
    for it in streams:
        tag, kind = it.tag
        if tag in TITLES and it.size <= LONGEST_NAME and it.storages:
            text = _text(_read(stream, it), kind).strip("\0 ")
            found.setdefault(it.storages, {})[tag] = text
    return {
        storages: next(texts[tag] for tag in TITLES if tag in texts)
        for storages, texts in found.items()
    }


def _text(data: bytes, kind: str) -> str:
    if kind == UNICODE:
        return data.decode("utf-16-le", "replace")
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _title(found: Stream, titles: dict[tuple[str, ...], str]) -> str | None:
    """The path of a stream as a member; None for one that is none."""
    tag, _ = found.tag
    words = []
    for depth, storage in enumerate(found.storages, 1):
        if attachment := ATTACHMENT.fullmatch(storage):
            number = int(attachment[1], 16) + 1
            words.append(titles.get(found.storages[:depth]) or f"attachment-{number}")
        elif PROPERTY.fullmatch(storage) is None:
            words.append(storage)
    is_attachments = bool(found.storages and ATTACHMENT.fullmatch(found.storages[-1]))
    if is_attachments and tag == CONTENT:
        return "/".join(words)
    if not is_attachments and tag in TEXTS:
        return "/".join((*words, TEXTS[tag]))
    is_property = PROPERTY_NAMES.match(found.name) is not None
    return None if is_property and found.size < LARGE else "/".join((*words, found.name))
