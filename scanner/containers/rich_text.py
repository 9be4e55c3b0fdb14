"""The compression of rich text in Outlook's messages (MS-OXRTFCP)."""

from __future__ import annotations

import struct

HEADER = struct.Struct("<IIII")
COMPRESSED, PLAIN = 0x75465A4C, 0x414C454D
WINDOW = 4_096
# What every text may refer to before its first byte.
DICTIONARY = (
    rb"{\rtf1\ansi\mac\deff0\deftab720{\fonttbl;}{\f0\fnil \froman \fswiss \fmodern \fscript "
    rb"\fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\colortbl\red0\green0\blue0"
    b"\r\n"
    rb"\par \pard\plain\f0\fs20\b\i\u\tab\tx"
)


def expanded(data: bytes) -> bytes:
    """The text. Raises ValueError, IndexError or struct.error where `data` is damaged."""
    _, size, kind, _ = HEADER.unpack_from(data)
    if kind == PLAIN:
        return data[HEADER.size : HEADER.size + size]
    if kind != COMPRESSED:
        raise ValueError("no rich text")
    text = bytearray(DICTIONARY)
    place = HEADER.size
    while True:
        flags = data[place]
        place += 1
        for bit in range(8):
            if not flags >> bit & 1:
                text.append(data[place])
                place += 1
                continue
            token = data[place] << 8 | data[place + 1]
            place += 2
            back = (len(text) - (token >> 4)) % WINDOW
            if not back:
                return bytes(text[len(DICTIONARY) :])
            start = len(text) - back
            if start < 0:
                raise ValueError("it refers to what is not there")
            for at in range(start, start + (token & 0xF) + 2):
                text.append(text[at])
