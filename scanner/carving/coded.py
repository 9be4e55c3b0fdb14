"""Pictures that lie in bytes as text, or compressed: base64, hexadecimal, uuencode, deflate."""

from __future__ import annotations

import base64
import binascii
import contextlib
import io
import re
import struct
import zlib
from typing import NamedTuple

from scanner.carving.window import PIECE_BYTES, Window
from scanner.containers.container import TooLarge

# How the bytes of a picture are written where they are not there as they are.
PLAIN, BASE64, WIDE_BASE64, HEXADECIMAL, UUENCODE, DEFLATE = (
    "", "base64", "base64 in UTF-16", "hexadecimal", "uuencode", "deflate",
)  # fmt: skip
CODINGS = (PLAIN, BASE64, WIDE_BASE64, HEXADECIMAL, UUENCODE, DEFLATE)
# Lines may be broken and indented, and inside other text line breaks and signs be escaped: in
# JSON (once or twice), addresses, HTML and XML.
ESCAPES: dict[bytes, bytes] = {
    rb"\\{1,3}[rn]|%0[AaDd]|&#(?:x[AaDd]|1[03]);": b"",
    rb"\\{1,3}/|\\u002[Ff]|%2[Ff]|&#(?:x2[Ff]|47);": b"/",
    rb"\\u002[Bb]|%2[Bb]|&#(?:x2[Bb]|43);": b"+",
}
ESCAPED = [(re.compile(pattern), sign) for pattern, sign in ESCAPES.items()]
LINE_BREAK = rb"(?:\r\n?+|\n)[ \t]*+(?=[A-Za-z0-9+/_-])"
BASE64_RUN = re.compile(b"(?:[A-Za-z0-9+/_-]++|" + LINE_BREAK + b"|" + b"|".join(ESCAPES) + b")*+")
WIDE_RUN = re.compile(rb"(?:(?:[A-Za-z0-9+/_-]\0)++|(?:\r\0)?\n\0(?:[ \t]\0)*+)*+")
FOR_ADDRESSES = bytes.maketrans(b"-_", b"+/")
NO_BASE64 = re.sub(rb"[A-Za-z0-9+/_-]", b"", bytes(range(256)))
# As dumps, source code and registry exports write them.
HEX_RUN = re.compile(rb"(?:0x|\\x|[0-9A-Fa-f]++|[\s,;:]|\\(?=\r?\n))*+")
NOT_HEX = re.compile(rb"0x|\\x|[^0-9A-Fa-f]")
LINE_END = re.compile(rb"[\r\n]")
SHORTEST_LINE = 200  # that a whole picture may stand in
UU_HEAD = re.compile(rb"begin [0-7]{3,4} [^\r\n]{1,255}\r?\n(?=[!-`])")
UU_LINE = re.compile(rb"([ -`])[^\r\n]{0,200}\r?\n?")
SMALL_PIECE = 1 << 10  # of deflated bytes: as much is lost at most in front of damage
LONGEST_STEP = 64  # of what a run may be cut in two by, where a piece ends
FIRST_BYTES = 1_024
LOCAL_HEADER = struct.Struct("<HHHHHIIIHH")
METHODS = frozenset((8, 9, 12, 14, 93, 95, 96, 97, 98))  # that compress, in zip's numbers
LATEST_ZIP, DEFLATED, LONGEST_NAME = 63, 8, 1_024


class Run(NamedTuple):
    """Coded bytes, of which `start` to `stop` count from the window's start."""

    start: int
    stop: int


def text_run(coding: str, window: Window) -> Run:
    """As far as the text goes that base64 or hexadecimal digits may be."""
    pattern = {BASE64: BASE64_RUN, WIDE_BASE64: WIDE_RUN, HEXADECIMAL: HEX_RUN}[coding]
    return Run(0, _run_end(window, pattern))


def first_line(text: bytes) -> int:
    """How many of its bytes lie before the first line break; 0 where that is too short to count."""
    found = LINE_END.search(text)
    return found.start() if found and found.start() >= SHORTEST_LINE else 0


def uu_run(window: Window) -> Run | None:
    """The lines from the one behind `begin` on, up to the first that is none of uuencode."""
    head = UU_HEAD.match(window.at(0, 300))
    if head is None:
        return None
    place = head.end()
    while piece := window.at(place, PIECE_BYTES):
        at = 0
        while (line := UU_LINE.match(piece, at)) and _is_uu_line(line[0]):
            if line.end() == len(piece) and place + at + len(line[0]) < window.size:
                break  # it may go on in the next piece
            at = line.end()
        place += at
        if not at or (line is None or line.end() < len(piece)):
            break
    return Run(head.end(), place)


def _is_uu_line(line: bytes) -> bool:
    content = line.rstrip(b"\r\n")
    groups = -(-(line[0] - 32 & 63) // 3) * 4
    # Trailing blanks may have been lost, and some writers add a character.
    return groups > 0 and groups - 3 <= len(content) - 1 <= groups + 1


def member(window: Window) -> tuple[int, Run] | None:
    """The method and the bytes of a zip member that its local header announces; None for none.

    Where the header leaves the length open, all that follows.
    """
    head = window.at(4, LOCAL_HEADER.size)
    if len(head) < LOCAL_HEADER.size:
        return None
    version, flags, method, _, _, _, stored, _, name_bytes, extra_bytes = LOCAL_HEADER.unpack(head)
    known = version & 0xFF <= LATEST_ZIP and not flags & 0x1 and method in METHODS
    start = 4 + LOCAL_HEADER.size + name_bytes + extra_bytes
    if not known or not 0 < name_bytes <= LONGEST_NAME or start >= window.size:
        return None
    stop = start + stored if stored and not flags & 0x8 else window.size
    return method, Run(start, min(stop, window.size))


def deflated(window: Window, limit: int) -> Run | None:
    """A deflated zip member as far as it can be expanded; None for what does not expand.

    Of what expands to more than `limit` bytes, all there is.
    """
    method, (start, stop) = member(window) or (0, (0, 0))
    if method != DEFLATED:
        return None
    if not begins(DEFLATE, window.at(start, min(FIRST_BYTES, stop - start))):
        return None
    stream, place, size = zlib.decompressobj(-zlib.MAX_WBITS), start, 0
    with contextlib.suppress(zlib.error):
        while not stream.eof and (piece := window.at(place, min(PIECE_BYTES, stop - place))):
            place += len(piece)
            while piece and size <= limit:
                size += len(stream.decompress(piece, PIECE_BYTES))
                piece = stream.unconsumed_tail
            if size > limit:
                place = stop
    window.effort += size
    return Run(start, place - len(stream.unused_data) if stream.eof else place)


def begins(coding: str, data: bytes) -> bytes:
    """The first bytes that `data` stands for, which may break off anywhere; empty for nonsense."""
    if coding == DEFLATE:
        try:
            return zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, FIRST_BYTES)
        except zlib.error:
            return b""
    return decode(coding, data[:FIRST_BYTES], FIRST_BYTES)


def _run_end(window: Window, run: re.Pattern[bytes]) -> int:
    place = 0
    while piece := window.at(place, PIECE_BYTES):
        found = run.match(piece)
        end = found.end() if found else 0
        if end < len(piece) - LONGEST_STEP or place + len(piece) == window.size:
            return place + end
        if not end:
            break
        place += end
    return place


def decode(coding: str, data: bytes, limit: int) -> bytes:
    """The bytes that `data` stands for, as far as it can be read.

    Raises TooLarge where `data` is text of more than `limit` bytes, or expands to as many.
    """
    if coding not in (PLAIN, DEFLATE) and len(data) > limit:
        raise TooLarge(limit)
    if coding == BASE64:
        return _from_base64(data)
    if coding == WIDE_BASE64:
        return _from_base64(data[::2])
    if coding == HEXADECIMAL:
        digits = NOT_HEX.sub(b"", data)
        return binascii.unhexlify(digits[: len(digits) & ~1])
    if coding == UUENCODE:
        return b"".join(_uu_line(line) for line in data.splitlines())
    return _inflated(data, limit) if coding == DEFLATE else data


def _inflated(data: bytes, limit: int) -> bytes:
    stream, expanded = zlib.decompressobj(-zlib.MAX_WBITS), io.BytesIO()
    with contextlib.suppress(zlib.error):  # what came before the damage is there all the same
        for place in range(0, len(data), SMALL_PIECE):
            piece = data[place : place + SMALL_PIECE]
            while piece and not stream.eof:
                expanded.write(stream.decompress(piece, PIECE_BYTES))
                piece = stream.unconsumed_tail
                if expanded.tell() > limit:
                    raise TooLarge(limit)
    return expanded.getvalue()


def _from_base64(data: bytes) -> bytes:
    for escaped, sign in ESCAPED:
        data = escaped.sub(sign, data)
    data = data.translate(FOR_ADDRESSES, NO_BASE64)
    whole = data[: len(data) & ~3]
    rest = data[len(whole) :]
    return base64.b64decode(whole + (rest.ljust(4, b"=") if len(rest) > 1 else b""))


def _uu_line(line: bytes) -> bytes:
    groups = -(-(line[0] - 32 & 63) // 3) * 4
    try:
        return binascii.a2b_uu(line[: 1 + groups])
    except binascii.Error:
        return b""
