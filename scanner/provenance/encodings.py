"""Text in whatever encoding a program wrote it."""

from __future__ import annotations

import codecs

BYTE_ORDER_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32-le",  # before UTF-16's, with which it begins
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
JAPANESE = ("iso2022_jp", "shift_jis", "euc_jp")
MANY = 0.3  # of every second byte: as many zeros has UTF-16 of which a third is ASCII
LETTERS, FEW = frozenset(range(0x20, 0x7F)), 0.6
SENSIBLE = 0.9  # of the characters, for bytes to be taken for UTF-16 that do not look like it
SAMPLE = 4_000  # characters that tell of all
BINARY = 0.1  # of the characters of what is text no more are control characters


def decoded(data: bytes) -> str:
    """By its byte order mark, or as UTF-32 or UTF-16 where bytes are zero as they have it; else as
    UTF-8, and where it is not that, as Chinese, Japanese or Korean UTF-16 or as Latin-1.
    """
    if any(data.startswith(mark) for mark in BYTE_ORDER_MARKS):
        return utf_16(data)
    if len(data) > 7 and not any(data[2::4]) and not any(data[3::4]):
        return data.decode("utf-32-le", "replace")
    if len(data) > 7 and not any(data[0::4]) and not any(data[1::4]):
        return data.decode("utf-32-be", "replace")
    for skipped in (0, 1):
        zeros = data[skipped::2].count(0)
        if len(data) > 3 and zeros > MANY * len(data) / 2 and not data[1 - skipped :: 2].count(0):
            return data.decode("utf-16-le" if skipped else "utf-16-be", "replace")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        # The last character may be cut.
        if error.start >= len(data) - 3 and error.reason == "unexpected end of data":
            return data.decode("utf-8", "ignore")
    # Pairs of Latin letters are Chinese, too, so there must be few of them.
    letters = sum(byte in LETTERS for byte in data[:SAMPLE])
    if len(data) % 2 == 0 and letters < FEW * len(data[:SAMPLE]):
        wide = utf_16(data)
        if _sense(wide) >= SENSIBLE * len(wide[:SAMPLE]):
            return wide
    return data.decode("latin-1")


def utf_16(data: bytes) -> str:
    """By its byte order mark, or in the order that makes more sense: programs follow no rule."""
    for mark, encoding in BYTE_ORDER_MARKS.items():
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, "replace")
    orders = [data.decode(encoding, "replace") for encoding in ("utf-16-be", "utf-16-le")]
    return max(orders, key=_sense)


def japanese(data: bytes) -> str:
    """In the first of the Japanese encodings that fits."""
    for encoding in JAPANESE:
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    return decoded(data)


def is_text(value: str) -> bool:
    """Whether it is for people, as far as its characters tell."""
    sample = value[:SAMPLE]
    odd = sum(not (each.isprintable() or each.isspace()) for each in sample)
    return bool(sample.strip()) and odd <= BINARY * len(sample)


def _sense(text: str) -> int:
    """How many of its first characters are ASCII, counted twice, or Chinese, Japanese, Korean."""
    return sum(
        2 * each.isascii() + ("\u3040" <= each <= "\u9fff" or "\uac00" <= each <= "\ud7a3")
        for each in text[:SAMPLE]
    )
