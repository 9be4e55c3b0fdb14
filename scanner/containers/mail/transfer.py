"""How the bytes of a part are written as text, and what they are.

Mail programs are liberal in this, and so is all here: a picture that any of them would show is to
be found. What no reading explains is told of.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from typing import NamedTuple

PLAIN, BASE64, QUOTED, UUENCODE = "", "base64", "quoted-printable", "uuencode"
CODINGS = (
    (re.compile(r"b(?:ase)?[-_]?64"), BASE64),
    (re.compile(r"quoted[-_]?print|^q$"), QUOTED),
    (re.compile(r"uu(?:e|$)"), UUENCODE),
)
# With the marks in front of lines that were quoted in a reply.
BASE64_TEXT = re.compile(rb"(?:[A-Za-z0-9+/]++|\s++|(?:(?<=[\r\n])|\A)>[> ]*+)*+(?:=\s*+)*+")
QUOTE = re.compile(rb"^>[> ]*", re.MULTILINE)
NO_BASE64 = re.sub(rb"[A-Za-z0-9+/=]", b"", bytes(range(256)))
PADDING = re.compile(rb"=+")
LINE_BREAK = rb"(?:\r\n?|\n|\Z)"
TRAILING_BLANKS = re.compile(rb"(?<![ \t])[ \t]++(?=\r?\n|\Z)")
BLANKS_AT_CR = re.compile(rb"(?<![ \t])[ \t]++(?=\r|\Z)")
SOFT_BREAK, SOFT_BREAK_AT_CR = re.compile(rb"=(?:\r?\n|\Z)"), re.compile(rb"=(?:\r|\Z)")
NOT_QUOTED = re.compile(rb"[^\t\n\r -~]")
LINE = re.compile(rb"([^\r\n]*)" + LINE_BREAK)
LONGEST_HEAD = 1_024  # of a picture in the midst of text, up to its first byte that is no text
FILE_HEAD = re.compile(
    rb"(?:\A|(?<=[\r\n]))(?:begin [0-7]{3,4} (?P<uu>[^\r\n]{1,255})|"
    rb"=ybegin (?P<y>[^\r\n]{0,200}?)name=(?P<name>[^\r\n]{1,255}))(?:\r\n?|\n)"
)
YENC_SIZE = re.compile(rb"\bsize=(\d{1,18})\b")
YENC_PART = re.compile(rb"\bpart=\d|\btotal=(?!1\b)")
YENC_END = re.compile(rb"[\r\n]=yend[^\r\n]*" + LINE_BREAK)
YENC_ESCAPE = re.compile(rb"=(.)", re.DOTALL)
MINUS_42 = bytes((value - 42) % 256 for value in range(256))


class Content(NamedTuple):
    """What coded text stands for, or a file in it.

    told: how many bytes of the text, from the first on, are sure to be nothing else. fault: what of
    it is left out. name: of a file in a text.
    """

    data: bytes
    told: int
    fault: str | None = None
    name: str | None = None


class File(NamedTuple):
    """A file that stands in a text, from `start` to `stop`."""

    name: bytes
    data: bytes
    start: int
    stop: int
    fault: str | None
    is_any_text: bool = False


def coding_of(token: str) -> str:
    """Which of the codings the value of a Content-Transfer-Encoding means."""
    return next((coding for pattern, coding in CODINGS if pattern.search(token)), PLAIN)


def contents(coding: str, text: bytes, is_text: bool) -> Iterator[Content]:
    """What `text` stands for, as far as it can be read; of what is_text, files in it for itself."""
    whole = _decoded(coding, text)
    may_hold = coding == UUENCODE or (is_text and coding != BASE64)
    found = list(_files(whole.data)) if may_hold else []
    if coding == UUENCODE and not found:
        whole = Content(text, 0, "is called uuencode and is none")
    ends = [0, *(end for file in found for end in (file.start, file.stop)), len(whole.data)]
    pieces = zip(ends[::2], ends[1::2], strict=True)
    rest = b"".join(whole.data[start:stop] for start, stop in pieces)
    # Any text may stand between two lines of yEnc, and be read as that.
    told = 0 if any(file.is_any_text for file in found) else whole.told
    if not found or rest.strip():
        yield whole._replace(data=rest, told=told)
    for file in found:
        yield Content(file.data, told, file.fault, _name(file.name))


def _name(name: bytes) -> str | None:
    try:
        return name.decode().strip(' \t"') or None
    except UnicodeDecodeError:
        return name.decode("latin-1")


def _decoded(coding: str, text: bytes) -> Content:
    if coding == BASE64:
        return _from_base64(text)
    if coding == QUOTED:
        return _from_quoted(text)
    return Content(text, len(text))


def _from_base64(text: bytes) -> Content:
    regular = BASE64_TEXT.match(text)
    told = regular.end() if regular else 0
    signs = QUOTE.sub(b"", text).translate(None, NO_BASE64)
    # What is behind the padding may be read on, or not; here it is, and it is told of.
    pieces = PADDING.split(signs)
    data = b"".join(_from_signs(piece) for piece in pieces)
    if told < len(text):
        return Content(
            data,
            max(0, told - LONGEST_HEAD),
            "has bytes in it that are no base64 and were left out",
        )
    if any(len(piece) % 4 == 1 for piece in pieces):
        return Content(data, told, "breaks off in its base64")
    return Content(data, told)


def _from_signs(signs: bytes) -> bytes:
    rest = len(signs) % 4
    whole = signs[:-1] if rest == 1 else signs
    return binascii.a2b_base64(whole + b"=" * (-len(whole) % 4))


def _from_quoted(text: bytes) -> Content:
    # A CR by itself ends a line only where all lines end so.
    ends_in_cr = b"\n" not in text
    lines = (BLANKS_AT_CR if ends_in_cr else TRAILING_BLANKS).sub(b"", text)
    data = binascii.a2b_qp((SOFT_BREAK_AT_CR if ends_in_cr else SOFT_BREAK).sub(b"", lines))
    # Bytes that quoted-printable does not have: it may be called so and be none.
    if (foreign := NOT_QUOTED.search(text)) and data != text:
        return Content(data, max(0, foreign.start() - LONGEST_HEAD))
    return Content(data, len(text))


def _files(text: bytes) -> Iterator[File]:
    """The files that stand in `text` as uuencode or yEnc, each behind the line that names it."""
    place = 0
    while head := FILE_HEAD.search(text, place):
        read = _uuencoded if head["uu"] else _yencoded
        file = read(head, text)
        if file is not None:
            yield file
        place = file.stop if file else head.end()


def _uuencoded(head: re.Match[bytes], text: bytes) -> File | None:
    place, found, is_whole = head.end(), [], False
    while place < len(text):
        line = _line(text, place)
        content = _uu_line(line[1])
        if content is None:
            is_whole = line[1].strip() == b"end"
            place = line.end() if is_whole else place
            break
        found.append(content)
        place = line.end()
    if not any(found):
        return None
    fault = None if is_whole else "breaks off in its uuencode"
    return File(head["uu"], b"".join(found), head.start(), place, fault)


def _uu_line(line: bytes) -> bytes | None:
    """What a line of uuencode stands for, empty for the last one; None for any other line."""
    if not line.strip():
        return b""
    groups = -(-(line[0] - 32 & 63) // 3) * 4
    # Trailing blanks may have been lost, and some writers add a character.
    if not 32 <= line[0] <= 96 or not groups - 3 <= len(line) - 1 <= groups + 1:
        return None
    try:
        return binascii.a2b_uu(line[: 1 + groups])
    except binascii.Error:
        return None


def _yencoded(head: re.Match[bytes], text: bytes) -> File:
    end = YENC_END.search(text, head.end() - 1)
    start, stop = head.end(), end.start() if end else len(text)
    if text.startswith(b"=ypart ", start):
        start = min(stop, _line(text, start).end())
    signs = text[start:stop].translate(None, b"\r\n")
    plain = YENC_ESCAPE.sub(lambda escape: bytes(((escape[1][0] - 64) % 256,)), signs)
    data = plain.translate(MINUS_42)
    size = YENC_SIZE.search(head["y"])
    fault = None
    if YENC_PART.search(head["y"]):
        fault = "is one of several parts of a file in yEnc"
    elif not end or not size or int(size[1]) != len(data):
        fault = "has not the size that its yEnc states"
    return File(head["name"], data, head.start(), end.end() if end else stop, fault, True)


def _line(text: bytes, place: int) -> re.Match[bytes]:
    line = LINE.match(text, place)
    assert line is not None  # which also an empty text matches
    return line
