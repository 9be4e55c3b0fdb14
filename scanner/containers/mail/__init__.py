"""E-mail: single messages (eml, emlx, mhtml) and mailboxes (mbox, MMDF), every part of which is no
container itself.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from functools import partial
from typing import BinaryIO

from scanner.containers.container import Member, read_limited
from scanner.containers.mail import mailboxes
from scanner.containers.mail.structure import parts
from scanner.containers.mail.transfer import contents
from scanner.images.signatures import is_image
from scanner.limits import Limits
from scanner.record import Status, path_text

NOUN = "e-mail"
HEAD_BYTES = mailboxes.FIELDS_BYTES


def recognises(head: bytes, stream: BinaryIO) -> bool:
    """Told by its fields: e-mail has no magic number."""
    if is_image(head) and not head[:16].isascii():  # which is most of what is met
        return False
    stream.seek(0)
    head = stream.read(HEAD_BYTES)
    if encoding := mailboxes.wide(head):
        head = head.decode(encoding, "replace").encode()
    return mailboxes.is_mail(head)


def members(
    stream: BinaryIO, name: str, limits: Limits, passwords: Sequence[str]
) -> Iterator[Member]:
    """The parts of each message, in order; a mailbox is read one message at a time."""
    head = stream.read(HEAD_BYTES)
    if encoding := mailboxes.wide(head):
        stream.seek(0)
        yield _narrow(read_limited(stream, limits.file_bytes), encoding, name)
        return
    found = mailboxes.messages(stream, head, limits.file_bytes)
    if found is None:
        start = mailboxes.first_text(head)
        stream.seek(start)
        text = read_limited(stream, limits.file_bytes)
        begin, end = mailboxes.apple(text) or (0, len(text))
        yield from _members(text[begin:end], name, start + begin)
        return
    for number, (start, content) in enumerate(found, 1):
        path = f"{name}!/message-{number}"
        if content is None:
            sentence = f"larger than the limit of {limits.file_bytes:,} bytes"
            yield Member(path, None, Status.OVER_LIMIT, sentence)
        else:
            yield from _members(content, path, start)


def _narrow(data: bytes, encoding: str, name: str) -> Member:
    """Mail in UTF-16 as the member that it is in UTF-8, which is opened in its turn."""
    text = data.decode(encoding, "replace")
    stored = ((0, len(data)),) if text.encode(encoding, "replace") == data else ()
    return Member(f"{name}!/utf-8.eml", partial(io.BytesIO, text.encode()), stored=stored)


def _members(text: bytes, name: str, start: int) -> Iterator[Member]:
    """Each part with the very bytes it has, and what is missing of it.

    Only a CR in front of the line break before a boundary is taken for a part of that. start: where
    in the file `text` begins.
    """
    for number, part in enumerate(parts(text), 1):
        title = part.header.file_name or f"part-{number}"
        body = text[part.start : part.stop]
        is_blank = not body.strip()
        if missing := part.fault or part.header.fault(is_blank):
            yield _fault(name, title, missing)
            if is_blank:
                continue
        place = start + part.start
        # Where programs differ in how it is coded, each reading is a member.
        for coding in part.header.codings:
            for content in contents(coding, body, part.header.is_text):
                inner = content.name or title
                opened = partial(io.BytesIO, content.data)
                stored = ((place, place + content.told),) if content.told else ()
                yield Member(f"{name}!/{path_text(inner)}", opened, stored=stored)
                if content.fault:
                    yield _fault(name, inner, content.fault)


def _fault(name: str, title: str, sentence: str) -> Member:
    return Member(f"{name}!/{path_text(title)}", None, Status.UNREADABLE, sentence)
