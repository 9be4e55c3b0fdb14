"""E-mail: single messages (eml) and mailboxes (mbox), every part that is no container itself."""

from __future__ import annotations

import email.header
import io
import re
from collections.abc import Iterator, Sequence
from email.message import Message
from email.parser import BytesParser
from email.policy import compat32
from functools import partial
from typing import BinaryIO

from scanner.containers.container import (
    CHUNK_BYTES,
    HEAD_BYTES,
    Member,
    read_limited,
)
from scanner.limits import Limits
from scanner.record import Status, path_text

NOUN = "e-mail"
FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:")
# A text file may well have a line or two that look like a field; these are of messages only.
TELLING_FIELDS = frozenset(
    b"arc-seal dkim-signature delivered-to message-id mime-version received return-path".split()
)
USUAL_FIELDS = frozenset(b"bcc cc content-type date from reply-to sender subject to".split())
TOGETHER_TELLING = frozenset(b"content-type from".split())
FIELDS_BYTES = 8192
MULTIPART = re.compile(rb"content-type[ \t]*:[ \t]*multipart/", re.IGNORECASE)
# How much text stands for so many bytes: base64 in the shortest lines that are usual, with breaks.
MOST_WRITTEN, MOST_WRITTEN_BESIDES = 1.45, 8
BLANK = re.compile(rb"(?:\xef\xbb\xbf)?(?:[ \t]*\r?\n)*")
MBOX_LINE = re.compile(rb"From [^\r\n]*\d\d:\d\d[^\r\n]*\d{4}[^\r\n]*\r?\n")
# What no text says by chance: From somebody@example.org Thu Jan  1 00:00:00 1970
FULL_MBOX_LINE = re.compile(
    rb"From +(?:\S+ +)?(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? +(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|"
    rb"Oct|Nov|Dec) +\d{1,2} +\d{1,2}:\d\d(?::\d\d)?(?: +[-+A-Z0-9]+)?(?: +[-+A-Z0-9]+)? *\r?\n"
)


def recognises(head: bytes, stream: BinaryIO) -> bool:
    """Told by its fields: e-mail has no magic number."""
    start = _first_text(head)
    line = MBOX_LINE.match(head, start)
    if line is None and not FIELD.match(head, start):
        return False
    stream.seek(line.end() if line else start)
    names = set()
    for text in stream.read(FIELDS_BYTES).split(b"\n"):
        if field := FIELD.match(text):
            names.add(field[1].lower())
            if MULTIPART.match(text):
                names.add(b"mime-version")  # as good as: nothing else is written so
        elif not text.startswith((b" ", b"\t")):
            break
    if FULL_MBOX_LINE.match(head, start):
        return bool(names)
    if names >= TOGETHER_TELLING and len(names & USUAL_FIELDS) > len(TOGETHER_TELLING):
        return True
    return bool(names & TELLING_FIELDS) and bool(names & USUAL_FIELDS)


def _first_text(head: bytes) -> int:
    """Where the blank lines end, behind which the parser would see no fields."""
    blank = BLANK.match(head)
    return blank.end() if blank else 0


def members(
    stream: BinaryIO, name: str, limits: Limits, passwords: Sequence[str]
) -> Iterator[Member]:
    """The parts of each message, in order; a mailbox is read one message at a time."""
    start = _first_text(stream.read(HEAD_BYTES))
    stream.seek(start)
    if not MBOX_LINE.match(stream.readline(CHUNK_BYTES)):
        stream.seek(start)
        yield from _parts(read_limited(stream, limits.file_bytes), name, start)
        return
    number = 0
    for number, (place, text) in enumerate(_messages(stream, limits.file_bytes), 1):
        path = f"{name}!/message-{number}"
        if text is None:
            sentence = f"larger than the limit of {limits.file_bytes:,} bytes"
            yield Member(path, None, Status.OVER_LIMIT, sentence)
        else:
            yield from _parts(text, path, place)


def _messages(stream: BinaryIO, limit: int) -> Iterator[tuple[int, bytes | None]]:
    """Place and text of a mailbox's messages without From lines; None for one above `limit`."""
    text = io.BytesIO()
    size, place = 0, stream.tell()
    after_blank = False
    while line := stream.readline(CHUNK_BYTES):
        # Not every program leaves a line blank before it, nor quotes such a line in a text.
        start = (MBOX_LINE if after_blank else FULL_MBOX_LINE).match(line)
        if start and _field_follows(stream):
            yield place, text.getvalue() if size <= limit else None
            text, size, place = io.BytesIO(), 0, stream.tell()
            continue
        after_blank = line in (b"\n", b"\r\n")
        size += len(line)
        if size <= limit:
            text.write(line)
    yield place, text.getvalue() if size <= limit else None


def _field_follows(stream: BinaryIO) -> bool:
    place = stream.tell()
    line = stream.readline(CHUNK_BYTES)
    stream.seek(place)
    return bool(FIELD.match(line)) or line.startswith(b">From ")


def _parts(text: bytes, name: str, start: int) -> Iterator[Member]:
    """Each part with the very bytes it has; only a CR in front of the line break before a boundary
    is taken for a part of that.

    start: where in the file `text` begins.
    """
    # Not `parse`, which reads as text and so turns every CR LF of a picture into LF.
    message = BytesParser(policy=compat32).parsebytes(text)
    number = place = 0
    for part in message.walk():
        if part.is_multipart():
            continue
        number += 1
        content = part.get_payload(decode=True)
        data = content if isinstance(content, bytes) else b""
        title = _file_name(part) or f"part-{number}"
        opened = partial(io.BytesIO, data)
        stored: Sequence[tuple[int, int]] = ()
        written = _as_written(part, data)
        if (found := text.find(written, place)) >= 0:
            place = found + len(written)
            # What the coding left out is nobody's.
            if len(written) <= MOST_WRITTEN * len(data) + MOST_WRITTEN_BESIDES:
                stored = ((start + found, start + place),)
        yield Member(f"{name}!/{path_text(title)}", opened, stored=stored)


def _as_written(part: Message, data: bytes) -> bytes:
    """A part as it stands in its message; `data` is what it decodes to."""
    try:
        return str(part.get_payload()).encode("ascii", "surrogateescape")
    except UnicodeEncodeError:  # bytes that were read by their character set, and are not coded
        return data


def _file_name(part: Message) -> str:
    """The name the sender gave, decoded as far as it can be."""
    try:
        title = part.get_filename() or ""
        return str(email.header.make_header(email.header.decode_header(title)))
    except Exception:  # the parsers of the standard library raise many kinds on broken names
        return ""
