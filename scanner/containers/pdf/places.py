"""Where in the bytes of a PDF document things lie, whatever its list of objects says."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO

from scanner.containers.container import CHUNK_BYTES, Member
from scanner.containers.pdf.entries import readable_entry
from scanner.containers.pdf.recognition import OBJECT
from scanner.containers.pdf.whole_files import is_bare_file

if TYPE_CHECKING:
    from pypdf import PdfReader

END_MARK, BLANKS = b"%%EOF", b"\0\t\n\f\r "
LONGEST_OBJECT_HEAD = 40
HEADER_WITHIN = 1 << 16  # of an object, ahead of its stream


def behind(stream: BinaryIO, name: str) -> Iterator[Member]:
    """What lies behind the last end mark, if that is more than blanks."""
    size = stream.seek(0, os.SEEK_END)
    end = size
    while end > 0:
        start = max(0, end - CHUNK_BYTES)
        stream.seek(start)
        place = stream.read(end - start + len(END_MARK)).rfind(END_MARK)
        if place >= 0:
            behind = start + place + len(END_MARK)
            stream.seek(behind)
            first = stream.read(CHUNK_BYTES)
            if rest := first.lstrip(BLANKS):
                opened = partial(_rest, stream, behind + len(first) - len(rest))
                yield Member(f"{name}!/trailing-data", opened, stored=((behind, size),))
            return
        end = start


@contextmanager
def _rest(stream: BinaryIO, place: int) -> Iterator[BinaryIO]:
    stream.seek(place)
    yield stream


def objects_written(stream: BinaryIO) -> Iterator[int]:
    """Where what looks like the beginning of an object stands, whether or not it is one."""
    place, left = 0, b""
    while True:
        stream.seek(place)
        chunk = stream.read(CHUNK_BYTES)
        if not chunk:
            return
        place += len(chunk)
        text = left + chunk
        start = place - len(text)
        yield from [
            start + found.start()
            for found in OBJECT.finditer(text)
            # A shorter number may be the end of a longer one that the last chunk held.
            if found.end() > len(left)
        ]
        left = text[-LONGEST_OBJECT_HEAD:]


def object_at(reader: PdfReader, stream: BinaryIO, place: int) -> Any:
    """The stream object that begins there, None where none does."""
    from pypdf.generic import StreamObject, read_object

    with contextlib.suppress(Exception):  # a parser raises nearly anything on other bytes
        stream.seek(place)
        if b"stream" not in stream.read(HEADER_WITHIN):
            return None
        stream.seek(place)
        reader.read_object_header(stream)
        item = read_object(stream, reader)
        return item if isinstance(item, StreamObject) else None
    return None


def stretch(stream: BinaryIO, place: int | None, item: Any) -> Sequence[tuple[int, int]]:
    """Where in the document the bytes of a stream object lie, which begins at `place`."""
    data = getattr(item, "_data", b"")
    # Of what is coded, more may lie there than is decoded; of a file of its own nothing is left.
    is_plain = "/Filter" not in item and readable_entry(item, "/Subtype") != "/Image"
    is_file = is_bare_file(item)
    if place is None or not isinstance(data, bytes) or not data or not (is_plain or is_file):
        return ()
    before = stream.tell()
    stream.seek(place)
    start = stream.read(HEADER_WITHIN + len(data)).find(data)
    stream.seek(before)
    return () if start < 0 else ((place + start, place + start + len(data)),)
