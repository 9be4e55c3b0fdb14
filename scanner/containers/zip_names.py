"""The names of zip members, which old programs wrote in the code page of their system."""

from __future__ import annotations

import codecs
import struct
import zlib
from collections.abc import Iterator

from scanner.errors import ImgscanError

CP437 = "cp437"  # that of the standard (APPNOTE, appendix D)
UTF8_FLAG = 0x800
UNICODE_PATH = 0x7075
# Code pages leave the first letters as they are, and nothing stands for other signs.
PROBE = rb"/az09AZ.xn--bcher-kva.\u0041"


class CodePageError(ImgscanError):
    """There is no such code page; the sentence says so."""


def code_page(name: str) -> str:
    """The one name of a code page that has several. Raises CodePageError."""
    try:
        text = PROBE.decode(name)
        if len(text) == len(PROBE) and text.startswith("/az09AZ"):
            return codecs.lookup(name).name
    except (LookupError, ValueError, TypeError):
        pass
    examples = "cp437, cp866 (Russian), cp932 (Japanese), gbk (Chinese) or cp949 (Korean)"
    raise CodePageError(f"{name!r} is no code page of names in zips; give one such as {examples}.")


def member_name(raw: bytes, flags: int, extra: bytes, names: str) -> str:
    """A member's name: UTF-8 where it says so, or where an extra field has it, else by `names`.

    names: a code page. Bytes that it does not know become surrogates, as in names of files.
    """
    if (of_field := unicode_path(raw, extra)) is not None:
        return of_field
    try:
        return raw.decode("utf-8" if flags & UTF8_FLAG else names, "surrogateescape")
    except ValueError:  # not all code pages can leave bytes as they are
        return raw.decode("ascii", "surrogateescape")


def unicode_path(raw: bytes, extra: bytes) -> str | None:
    """The name in UTF-8 that an extra field holds, if it was made for the name `raw`."""
    for number, field in extra_fields(extra):
        if number == UNICODE_PATH and len(field) > 5:
            version, checksum = struct.unpack_from("<BI", field)
            if version == 1 and checksum == zlib.crc32(raw):
                try:
                    return field[5:].decode()
                except UnicodeDecodeError:
                    return None
    return None


def extra_fields(extra: bytes) -> Iterator[tuple[int, bytes]]:
    """Number and content of each."""
    while len(extra) >= 4:
        number, size = struct.unpack_from("<HH", extra)
        yield number, extra[4 : 4 + size]
        extra = extra[4 + size :]
