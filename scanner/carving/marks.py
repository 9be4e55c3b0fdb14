"""What pictures begin with, as they are and as text, and which function tells how far one goes."""

from __future__ import annotations

import base64
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from scanner.carving import extents
from scanner.carving.coded import (
    BASE64,
    DEFLATE,
    HEXADECIMAL,
    PLAIN,
    UUENCODE,
    WIDE_BASE64,
)
from scanner.carving.extents import Extent
from scanner.carving.tiff_extent import tiff
from scanner.carving.window import Window

if TYPE_CHECKING:
    from ahocorasick_rs import BytesAhoCorasick

# Suffix, what it begins with, and what tells its extent.
PICTURES: tuple[tuple[str, bytes, Callable[[Window], Extent | None]], ...] = (
    ("jpg", b"\xff\xd8\xff", extents.jpegs),
    ("png", b"\x89PNG\r\n\x1a\n", extents.png),
    ("gif", b"GIF87a", extents.gif),
    ("gif", b"GIF89a", extents.gif),
    ("tif", b"II*\0", tiff),
    ("tif", b"MM\0*", tiff),
    ("tif", b"II+\0", tiff),
    ("tif", b"MM\0+", tiff),
    ("bmp", b"BM", extents.bmp),
    ("jp2", b"\0\0\0\x0cjP  \r\n\x87\n", extents.boxed),
    ("jxl", b"\0\0\0\x0cJXL \r\n\x87\n", extents.boxed),
)
# The same, of those whose first bytes tell their size: where their mark lies behind these.
BEHIND_A_SIZE: tuple[tuple[str, int, bytes, Callable[[Window], Extent | None]], ...] = (
    ("webp", 8, b"WEBPVP8", extents.webp),
    ("heic", 4, b"ftyp", extents.boxed),
)
# Those whose end is known, but whose marks are too short or too rare to be searched for.
AT_A_FILE_S_START = (
    (b"\0\0\1\0", extents.icon),
    (b"\0\0\2\0", extents.icon),
    (b"icns", extents.icns),
    (b"8BPS", extents.psd),
)
KINDS = (*((suffix, 0, mark, extent) for suffix, mark, extent in PICTURES), *BEHIND_A_SIZE)
# What may hold pictures, and is searched for where it is written as base64.
CONTAINERS = (
    (b"PK\x03\x04", "a zip archive"),
    (b"%PDF-", "a PDF document"),
    (b"\x1f\x8b\x08", "a gzip file"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
)
# How a slash is escaped in JSON (once or twice), addresses, HTML and XML.
ESCAPED_SLASHES = (b"\\/", b"\\\\\\/", b"\\u002F", b"\\u002f", b"%2F", b"%2f", b"&#x2F;", b"&#47;")
# What stands before the first and between two bytes of a dump.
DUMPS = (("", " "), ("", ","), ("0x", ", 0x"), ("0x", ",0x"), ("\\x", "\\x"))
SHORTEST_AS_TEXT = 4  # characters: what is shorter is too common
SUFFIXES = ("jpg", "png", "gif", "tif", "bmp", "jp2", "jxl", "webp", "heic", "avif", "cr3")


class Mark(NamedTuple):
    """Bytes that lie `back` bytes behind where something begins that is `coding`."""

    text: bytes
    back: int
    coding: str


def _in_dumps(text: bytes) -> list[Mark]:
    """Bytes as hexadecimal digits with something between them."""
    pairs = [f"{value:02x}" for value in text]
    found = [before + between.join(pairs) for before, between in DUMPS]
    return [Mark(it.encode(), 0, HEXADECIMAL) for low in found for it in (low, _upper(low))]


def _upper(dump: str) -> str:
    return dump.upper().replace("X", "x")


def _marks() -> tuple[Mark, ...]:
    found = [Mark(text, 0, PLAIN) for _, text, _ in PICTURES]
    found += [Mark(text, back, PLAIN) for _, back, text, _ in BEHIND_A_SIZE]
    for _, text, _ in PICTURES:
        # The characters that stand for nothing but bytes of the mark.
        as_text = base64.b64encode(text)[: len(text) * 8 // 6]
        if len(as_text) >= SHORTEST_AS_TEXT:
            found += [Mark(as_text, 0, BASE64), Mark(text.hex().encode(), 0, HEXADECIMAL)]
            found.append(Mark(text.hex().upper().encode(), 0, HEXADECIMAL))
    found += [
        Mark(base64.b64encode(b"RIFF")[:5], 0, BASE64),
        Mark(b"Z0eX", 6, BASE64),  # of `ftyp` behind a size below 256
        Mark(b"bmp;base64,Qk", -11, BASE64),
        Mark(b"_9j_", 0, BASE64),  # a JPEG in the alphabet for addresses
        *(Mark(base64.b64encode(text)[: len(text) * 8 // 6], 0, BASE64) for text, _ in CONTAINERS),
        *(Mark(slash + b"9j" + slash, 0, BASE64) for slash in ESCAPED_SLASHES),
        *(
            Mark(text.decode().encode("utf-16-le"), 0, WIDE_BASE64)
            for text in (b"/9j/", b"iVBORw0KGg", b"R0lGOD", b"UklGR")
        ),
        *_in_dumps(b"\xff\xd8\xff"),
        *_in_dumps(b"\x89PNG\r\n"),
        Mark(b"begin ", 0, UUENCODE),
        Mark(b"PK\x03\x04", 0, DEFLATE),
    ]
    return tuple(dict.fromkeys(found))


MARKS = _marks()
LONGEST_MARK = max(len(mark.text) for mark in MARKS)


@cache
def matcher() -> BytesAhoCorasick:
    """Finds all of MARKS in one pass, whatever their number."""
    from ahocorasick_rs import BytesAhoCorasick, Implementation

    texts = [mark.text for mark in MARKS]
    return BytesAhoCorasick(texts, implementation=Implementation.DFA)


def end_of_first(window: Window) -> int | None:
    """Where the picture ends that a file begins with; None where nothing tells it.

    Of a JPEG with an index of further ones, where its own first ends: an index may lie.
    """
    if first := extents.jpeg(window) if window.at(0, 3) == b"\xff\xd8\xff" else None:
        return first.size
    if found := picture_at(window):
        return found[1].size
    head = window.at(0, 4)
    extent = next((extent(window) for mark, extent in AT_A_FILE_S_START if head == mark), None)
    return extent.size if extent else None


def picture_at(window: Window) -> tuple[str, Extent] | None:
    """The suffix and the extent of the picture that begins at the window's start, if one does."""
    head = window.at(0, 16)
    for suffix, back, mark, extent in KINDS:
        if head.startswith(mark, back):
            found = extent(window)
            name = extents.brand(window) or suffix if mark == b"ftyp" else suffix
            return (name, found) if found else None
    return None


def suffix_of(head: bytes) -> str | None:
    """The suffix of a picture that would begin with `head`, if one would."""
    return next((suffix for suffix, back, mark, _ in KINDS if head.startswith(mark, back)), None)
