"""What the header of a message or of one of its parts says about the body."""

from __future__ import annotations

import contextlib
import email.header
import email.utils
import re
from email.message import Message
from functools import cached_property

from scanner.containers.mail.transfer import LINE, PLAIN, coding_of

FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:")
LONGEST_VALUE = 4_096  # of a field; what is longer is cut, for its parser takes the square of time
FROM_LINES = (b"From ", b">From ")
MESSAGES = ("message/rfc822", "message/global", "message/news")
ELSEWHERE = {
    "message/partial": "it is one of the pieces in which a message was sent",
    "message/external-body": "its content is kept elsewhere, and the mail only refers to it",
}
TELLING = ("content-", "x-apple-content-")
APPLE_LENGTH = "x-apple-content-length"
STRAY_BOUNDARY = re.compile(r"boundary\s*=\s*\"?([^\";\s]+)", re.IGNORECASE)


class Header:
    """Fields of which each may be there several times: programs differ in which one they follow."""

    def __init__(self, fields: list[tuple[str, str]], is_message: bool = False) -> None:
        """is_message: what the body is where no field says it."""
        self._fields = fields
        self._is_message = is_message

    def _values(self, name: str) -> list[str]:
        return [value for it, value in self._fields if it == name]

    @cached_property
    def types(self) -> list[str]:
        plain = (_without_comments(value) for value in self._values("content-type"))
        words = (re.split(r"[;\s\"']", value.strip(" \t\"'"))[0].lower() for value in plain)
        return [word for word in words if word]

    @property
    def is_multipart(self) -> bool:
        return any(it.startswith("multipart") for it in self.types)

    @property
    def is_message(self) -> bool:
        """Whether the body, which is not coded, is a message by every reading."""
        types = self.types or (["message/rfc822"] if self._is_message else [])
        return bool(types) and all(it in MESSAGES for it in types) and self.codings == [PLAIN]

    @property
    def is_digest(self) -> bool:
        return "multipart/digest" in self.types

    @property
    def is_text(self) -> bool:
        return not self.types or any(it.startswith("text") for it in self.types)

    @cached_property
    def codings(self) -> list[str]:
        """Each that the body may be in; the first is the one that is stated first."""
        values = self._values("content-transfer-encoding")
        plain = (_without_comments(value).strip(" \t\"';,").lower() for value in values)
        found = [coding_of(re.split(r"[;,\s]", value)[0]) for value in plain]
        return list(dict.fromkeys(found)) or [PLAIN]

    @cached_property
    def boundaries(self) -> set[bytes]:
        """What the lines between the parts may be, by any reading."""
        values = self._values("content-type")
        found = set()
        for value in {*values, *map(_without_comments, values)}:
            with contextlib.suppress(Exception):  # the standard library raises many kinds here
                for name, text in _message("Content-Type", value).get_params([]):
                    if name == "boundary":
                        found.add(email.utils.collapse_rfc2231_value(text).rstrip())
        if not any(found):
            found = {it for value in values for it in STRAY_BOUNDARY.findall(value)}
        return {it.encode("latin-1", "replace") for it in found if it}

    def fault(self, is_blank: bool) -> str | None:
        """Why the body, which may be blank, is not what the part is about."""
        sentences = (sentence for it, sentence in ELSEWHERE.items() if it in self.types)
        if is_blank and self._values(APPLE_LENGTH):
            return "its content is kept in a file of its own"
        return next(sentences, None)

    @property
    def file_name(self) -> str:
        """The name the sender gave, decoded as far as it can be; empty for none."""
        message = Message()
        for name, value in self._fields:
            message[name] = value
        try:
            title = message.get_filename() or ""
            title = str(email.header.make_header(email.header.decode_header(title)))
        except Exception:  # the parsers of the standard library raise many kinds on broken names
            return ""
        with contextlib.suppress(UnicodeError):  # one in UTF-8 that is not coded at all
            return title if title.isascii() else title.encode("latin-1").decode()
        return title


def read_header(text: bytes, start: int, is_message: bool) -> tuple[Header, int]:
    """The header that begins at `start`, and where the body does.

    A line that is no field does not end it, since broken ones are met between others; but where no
    field follows, or it may stand between parts, the body begins there, as if the blank line had
    been left out.
    """
    fields: list[tuple[str, list[bytes]]] = []
    place = body = start
    while place < len(text) and (line := LINE.match(text, place)):
        content = line[1]
        if not content:
            body = line.end() if place == body else body
            break
        if content.startswith(b"--"):
            break
        place = line.end()
        if field := FIELD.match(content):
            fields.append((field[1].decode("latin-1").lower(), [content[field.end() :]]))
        elif fields and content.startswith((b" ", b"\t")):
            fields[-1][1].append(content)
        elif fields:
            continue
        elif not content.startswith(FROM_LINES):
            break
        body = place
    told = [(name, _value(lines)) for name, lines in fields if name.startswith(TELLING)]
    return Header(told, is_message), body


def _value(lines: list[bytes]) -> str:
    """Latin-1 for bytes, so that no reading of them is lost."""
    folded = b" ".join(line.strip() for line in lines)[:LONGEST_VALUE]
    return folded.replace(b"\0", b"").decode("latin-1")


def _message(name: str, value: str) -> Message:
    message = Message()
    message[name] = value
    return message


def _without_comments(value: str) -> str:
    """`value` without what stands in parentheses, which may hold others, outside of quotes."""
    kept: list[str] = []
    depth, is_quoted, is_escaped = 0, False, False
    for sign in value:
        if is_escaped:
            is_escaped = False
        elif sign == "\\":
            is_escaped = True
        elif sign == '"' and not depth:
            is_quoted = not is_quoted
        elif sign == "(" and not is_quoted:
            depth += 1
        elif sign == ")" and depth:
            depth -= 1
            continue
        if not depth:
            kept.append(sign)
    return "".join(kept)
