"""Where the parts of a message lie (RFC 2046), however deep.

A parser of its own, and not Python's: that one nests calls as messages nest parts, and does not say
which bytes a part is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from scanner.containers.mail.header import Header, read_header

LONGEST_BOUNDARY = 200  # RFC 2046 allows 70
DELIMITER = re.compile(rb"[\r\n]--([^\r\n]{1,%d})[^\r\n]*" % (LONGEST_BOUNDARY + 2))
ANYTHING = re.compile(rb"\S")
NEXT_LINE = re.compile(rb"\r\n?|\n|\Z")
NOT_STATED = "its parts cannot be told apart: it does not say what stands between them"
NOT_MET = "its parts cannot be told apart: what is to stand between them is nowhere"
NOT_CLOSED = "a multipart in it does not end as it should; there may have been more parts"


class Part(NamedTuple):
    """A part that holds no others, or cannot be taken apart, with its body's place in the text.

    fault: what of it is missing.
    """

    header: Header
    start: int
    stop: int
    fault: str | None = None


class Delimiter(NamedTuple):
    """A line between parts, without the line breaks around it. level: of which multipart."""

    start: int
    stop: int
    level: int
    closes: bool


class Levels:
    """The multiparts that are open, each within the one before."""

    def __init__(self) -> None:
        self._open: list[tuple[bool, dict[bytes, int | None]]] = []
        self._level_of: dict[bytes, int] = {}

    def __len__(self) -> int:
        return len(self._open)

    def push(self, boundaries: set[bytes], is_digest: bool) -> None:
        self._open.append((is_digest, {it: self._level_of.get(it) for it in boundaries}))
        self._level_of.update(dict.fromkeys(boundaries, len(self._open)))

    def cut(self, level: int) -> None:
        """Leave no more than `level` of them open."""
        while len(self._open) > level:
            _, shadowed = self._open.pop()
            for boundary, outer in shadowed.items():
                if outer is None:
                    del self._level_of[boundary]
                else:
                    self._level_of[boundary] = outer

    @property
    def is_digest(self) -> bool:
        """Whether parts that do not say what they are, are messages."""
        return bool(self._open) and self._open[-1][0]

    def delimiter(self, line: bytes) -> tuple[int, bool] | None:
        """Which level's `line` is one, of what follows its dashes, and whether it closes it.

        Mail programs take a line that only begins so, too; then the longest boundary counts.
        """
        if not self._level_of:
            return None
        whole = line.rstrip(b" \t")
        for end in (len(whole), len(whole) - 2 if whole.endswith(b"--") else 0):
            if level := self._level_of.get(whole[:end]):
                return level, end < len(whole)
        for end in range(min(len(line), LONGEST_BOUNDARY), 0, -1):
            if level := self._level_of.get(line[:end]):
                return level, line.startswith(b"--", end)
        return None

    def next_delimiter(self, text: bytes, place: int) -> Delimiter | None:
        """The first one of any level whose line begins at `place` or later."""
        if not self._level_of:
            return None
        for line in DELIMITER.finditer(text, max(0, place - 1)):
            if found := self.delimiter(line[1]):
                return Delimiter(line.start() + 1, line.end(), *found)
        return None


def parts(text: bytes) -> Iterator[Part]:
    """The parts of the message that `text` is, in their order."""
    levels = Levels()
    place: int | None = 0
    is_unclosed = is_inside = False
    while place is not None:
        # Only what stands in a digest itself is a message without saying so, and not what is in it.
        header, body = read_header(text, place, levels.is_digest and not is_inside)
        if header.is_multipart and header.boundaries:
            levels.push(header.boundaries, header.is_digest)
        elif header.is_message and not header.is_multipart and body > place:
            place, is_inside = body, True
            continue
        own = len(levels)
        found = levels.next_delimiter(text, body)
        stop = _without_break(text, body, found.start) if found else len(text)
        if not header.is_multipart:
            # Between two delimiters there may be nothing at all.
            if not place or ANYTHING.search(text, place, stop):
                yield Part(header, body, stop)
        elif not header.boundaries:
            yield Part(header, body, stop, NOT_STATED)
        elif found is None or found.level < own:
            yield Part(header, body, stop, NOT_MET)
            levels.cut(own - 1)
        while found and found.closes:
            is_unclosed |= found.level < len(levels)
            levels.cut(found.level - 1)
            found = levels.next_delimiter(text, found.stop)
        if found:
            is_unclosed |= found.level < len(levels)
            levels.cut(found.level)
        place, is_inside = (_next_line(text, found.stop) if found else None), False
    if is_unclosed or levels:
        yield Part(Header([]), len(text), len(text), NOT_CLOSED)


def _without_break(text: bytes, start: int, stop: int) -> int:
    """Where a body ends whose delimiter begins at `stop`: the line break before belongs to that."""
    if stop > start:
        stop -= 2 if text[max(start, stop - 2) : stop] == b"\r\n" else 1
    return stop


def _next_line(text: bytes, place: int) -> int:
    found = NEXT_LINE.match(text, place)
    return found.end() if found else place
