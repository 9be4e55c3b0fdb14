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

from scanner.limits import Limits
from scanner.record import Status, path_text
from scanner.sources.container import CHUNK_BYTES, Member, read_limited

NOUN = "e-mail"
FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:")
# A text file may well have a line or two that look like a field; these are of messages only.
TELLING_FIELDS = frozenset(
    b"arc-seal dkim-signature delivered-to message-id mime-version received return-path".split()
)
USUAL_FIELDS = frozenset(b"bcc cc content-type date from reply-to sender subject to".split())
FIELDS_BYTES = 8192
MBOX_LINE = re.compile(rb"From [^\r\n]*\d\d:\d\d[^\r\n]*\d{4}[^\r\n]*\r?\n")


def recognises(head: bytes, stream: BinaryIO) -> bool:
    """Told by its fields: e-mail has no magic number."""
    start = MBOX_LINE.match(head)
    if start is None and not FIELD.match(head):
        return False
    stream.seek(start.end() if start else 0)
    names = set()
    for line in stream.read(FIELDS_BYTES).split(b"\n"):
        if field := FIELD.match(line):
            names.add(field[1].lower())
        elif not line.startswith((b" ", b"\t")):
            break
    return bool(names & TELLING_FIELDS) and bool(names & USUAL_FIELDS)


def members(
    stream: BinaryIO, name: str, limits: Limits, passwords: Sequence[str]
) -> Iterator[Member]:
    """The parts of each message, in order; a mailbox is read one message at a time."""
    start = stream.readline(CHUNK_BYTES)
    if not MBOX_LINE.match(start):
        stream.seek(0)
        yield from _parts(read_limited(stream, limits.file_bytes), name)
        return
    number = 0
    for number, text in enumerate(_messages(stream, limits.file_bytes), 1):
        path = f"{name}!/message-{number}"
        if text is None:
            sentence = f"larger than the limit of {limits.file_bytes:,} bytes"
            yield Member(path, None, Status.OVER_LIMIT, sentence)
        else:
            yield from _parts(text, path)


def _messages(stream: BinaryIO, limit: int) -> Iterator[bytes | None]:
    """The messages of a mailbox without their From lines; None for one larger than `limit`."""
    text = io.BytesIO()
    size = 0
    after_blank = False
    while line := stream.readline(CHUNK_BYTES):
        if after_blank and MBOX_LINE.match(line):
            yield text.getvalue() if size <= limit else None
            text, size = io.BytesIO(), 0
            continue
        after_blank = line in (b"\n", b"\r\n")
        size += len(line)
        if size <= limit:
            text.write(line)
    yield text.getvalue() if size <= limit else None


def _parts(text: bytes, name: str) -> Iterator[Member]:
    message = BytesParser(policy=compat32).parse(io.BytesIO(text))
    number = 0
    for part in message.walk():
        if part.is_multipart():
            continue
        number += 1
        content = part.get_payload(decode=True)
        data = content if isinstance(content, bytes) else b""
        title = _file_name(part) or f"part-{number}"
        yield Member(f"{name}!/{path_text(title)}", partial(io.BytesIO, data))


def _file_name(part: Message) -> str:
    """The name the sender gave, decoded as far as it can be."""
    try:
        title = part.get_filename() or ""
        return str(email.header.make_header(email.header.decode_header(title)))
    except Exception:  # the parsers of the standard library raise many kinds on broken names
        return ""
