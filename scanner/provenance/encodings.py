"""Text in whatever encoding a program wrote it."""

from __future__ import annotations

import codecs

BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
JAPANESE = ("iso2022_jp", "shift_jis", "euc_jp")
MANY = 0.3  # of every second byte: as many zeros has UTF-16 of which a third is ASCII
SAMPLE = 4_000  # characters that tell of all
BINARY = 0.1  # of the characters of what is text no more are control characters


def decoded(data: bytes) -> str:
    """By its byte order mark, as UTF-16 where every second byte is often zero, else as UTF-8, and
    as Latin-1 where it is not that.
    """
    if any(data.startswith(mark) for mark in BYTE_ORDER_MARKS):
        return utf_16(data)
    for skipped in (0, 1):
        zeros = data[skipped::2].count(0)
        if len(data) > 3 and zeros > MANY * len(data) / 2 and not data[1 - skipped :: 2].count(0):
            return data.decode("utf-16-le" if skipped else "utf-16-be", "replace")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        # The last character may be cut.
        cut = error.start >= len(data) - 3 and error.reason == "unexpected end of data"
        return data.decode("utf-8" if cut else "latin-1", "ignore")


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
