"""What is e-mail, and where in a file its messages lie: one, or many in a mailbox."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from functools import partial
from itertools import chain, pairwise
from typing import BinaryIO, NamedTuple

from scanner.containers.container import CHUNK_BYTES
from scanner.containers.mail.header import FIELD

# A text file may well have a line or two that look like a field; these are of messages only.
TELLING_FIELDS = frozenset(
    b"arc-seal dkim-signature delivered-to message-id mime-version received return-path".split()
)
USUAL_FIELDS = frozenset(b"bcc cc content-type date from reply-to sender subject to".split())
TOGETHER_TELLING = frozenset(b"content-type from".split())
FIELDS_BYTES = 8192
# As good as the field that says so: nothing else is written like this.
MIME = re.compile(
    rb"content-type[ \t]*:[ \t]*multipart/|"
    rb"content-transfer-encoding[ \t]*:[ \t]*(?:base64|quoted-printable|x-uu[a-z]*)[ \t]*\Z",
    re.IGNORECASE,
)
LINE_BREAK = rb"(?:\r\n?|\n)"
ANY_BREAK = re.compile(LINE_BREAK)
BLANK = re.compile(rb"(?:\xef\xbb\xbf)?(?:[ \t]*" + LINE_BREAK + rb")*")
MBOX_LINE = re.compile(rb"From [^\r\n]*\d\d:\d\d[^\r\n]*\d{4}[^\r\n]*" + LINE_BREAK)
# What no text says by chance: From somebody@example.org Thu Jan  1 00:00:00 1970
FULL_MBOX_LINE = re.compile(
    rb"From +(?:\S+ +)?(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? +(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|"
    rb"Oct|Nov|Dec) +\d{1,2} +\d{1,2}:\d\d(?::\d\d)?(?: +[-+A-Z0-9]+)?(?: +[-+A-Z0-9]+)? *"
    + LINE_BREAK
)
MMDF_LINE = re.compile(rb"\x01\x01\x01\x01[ \t]*" + LINE_BREAK)
APPLE_COUNT = re.compile(rb"(\d{1,12})[ \t]*" + LINE_BREAK)  # of the message's bytes
APPLE_FLAGS = re.compile(rb"\s*(?:<\?xml|<!DOCTYPE plist|<plist|bplist)")  # behind the message
# Some programs put bytes of their own before the first field.
FOREIGN_START = re.compile(rb"\A[\s\S]{1,128}?(?=(?:Received|Return-Path|MIME-Version): )")
KNOWN_START = re.compile(rb"[!-9;-~]+[ \t]*:|From |\x01{4}|\d+[ \t]*[\r\n]")
TOLD_WIDE = 64  # bytes
MARKS = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}


class Text(NamedTuple):
    """A message, which lies at `start`; without content where it is too large."""

    start: int
    content: bytes | None


def is_mail(head: bytes) -> bool:
    """Told by its fields, in its first FIELDS_BYTES: e-mail has no magic number."""
    place = first_text(head)
    if mark := MMDF_LINE.match(head, place) or APPLE_COUNT.match(head, place):
        place = mark.end()
    line = MBOX_LINE.match(head, place)
    names = _names(head[line.end() if line else place :])
    if FULL_MBOX_LINE.match(head, place):
        return bool(names)
    if names >= TOGETHER_TELLING and len(names & USUAL_FIELDS) > len(TOGETHER_TELLING):
        return True
    return bool(names & TELLING_FIELDS) and bool(names & USUAL_FIELDS)


def _names(text: bytes) -> set[bytes]:
    """The fields that `text` begins with, and those it need not have."""
    names = set()
    for line in ANY_BREAK.split(text.replace(b"\0", b"")):
        if field := FIELD.match(line):
            names.add(field[1].lower())
            if MIME.match(line):
                names |= {b"mime-version", b"content-type"}
        elif not line.startswith((b" ", b"\t")):
            break
    return names


def first_text(head: bytes) -> int:
    """Where the message or mailbox begins: blank lines before it would end its header."""
    blank = BLANK.match(head)
    place = blank.end() if blank else 0
    if KNOWN_START.match(head, place):
        return place
    foreign = FOREIGN_START.match(head)
    return foreign.end() if foreign else place


def wide(head: bytes) -> str | None:
    """The encoding of text in UTF-16, with or without its mark; None for other bytes."""
    if head[:2] in MARKS:
        return MARKS[head[:2]]
    evens, odds = head[:TOLD_WIDE:2], head[1:TOLD_WIDE:2]
    if len(head) >= TOLD_WIDE and all(evens) and not any(odds):
        return "utf-16-le"
    return "utf-16-be" if len(head) >= TOLD_WIDE and all(odds) and not any(evens) else None


def messages(stream: BinaryIO, head: bytes, limit: int) -> Iterator[Text] | None:
    """The messages of the mailbox in `stream` that begins with `head`; None for no mailbox.

    They come without the lines between them, and one at a time is read.
    """
    place = first_text(head)
    is_mmdf = MMDF_LINE.match(head, place) is not None
    if not is_mmdf and not MBOX_LINE.match(head, place):
        return None
    stream.seek(place)
    return _messages(_lines(stream, b"\n" in head), place, is_mmdf, limit)


def _messages(lines: Iterator[bytes], place: int, is_mmdf: bool, limit: int) -> Iterator[Text]:
    text, size, start = io.BytesIO(), 0, place
    before = b"\n"
    for line, following in pairwise(chain(lines, (b"",))):
        place += len(line)
        if MMDF_LINE.match(line) if is_mmdf else _is_mbox_line(line, before, following):
            if size:
                yield Text(start, text.getvalue() if size <= limit else None)
            text, size, start = io.BytesIO(), 0, place
        else:
            size += len(line)
            if size <= limit:
                text.write(line)
        before = line
    if size:
        yield Text(start, text.getvalue() if size <= limit else None)


def _is_mbox_line(line: bytes, before: bytes, following: bytes) -> bool:
    # Not every program leaves a line blank before it, nor quotes such a line in a text.
    pattern = MBOX_LINE if before.strip(b"\r\n") == b"" else FULL_MBOX_LINE
    is_header_next = FIELD.match(following) is not None or following.startswith(b">From ")
    return pattern.match(line) is not None and is_header_next


def _lines(stream: BinaryIO, ends_in_lf: bool) -> Iterator[bytes]:
    """Of a mailbox, also of old Macintoshes, which end lines in CR; very long ones in pieces."""
    if ends_in_lf:
        yield from iter(partial(stream.readline, CHUNK_BYTES), b"")
        return
    rest = b""
    while chunk := stream.read(CHUNK_BYTES):
        *lines, rest = (rest + chunk).split(b"\r")
        yield from (line + b"\r" for line in lines)
        if len(rest) >= CHUNK_BYTES:
            yield rest
            rest = b""
    if rest:
        yield rest


def apple(text: bytes) -> tuple[int, int] | None:
    """Where in an Apple mail (emlx) the message begins and ends; None for other text."""
    count = APPLE_COUNT.match(text)
    if not count:
        return None
    stop = count.end() + int(count[1])
    # A wrong count must not hide a part.
    is_told = len(text) == stop or APPLE_FLAGS.match(text, stop)
    return count.end(), stop if is_told else len(text)
