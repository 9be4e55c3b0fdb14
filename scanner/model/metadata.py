"""The metadata of an ONNX file, without the library that runs it, and its graph passed over.

Such a file is a message of protobuf: fields, each begun by its number and kind.
"""

from __future__ import annotations

from collections.abc import Iterator
from mmap import ACCESS_READ, mmap
from pathlib import Path

METADATA_PROPS = 14  # of a model; each is a message of a key and a value
KEY, VALUE = 1, 2
LENGTH_DELIMITED = 2  # of the kinds of field that a model has; the other is a number


def metadata(path: Path) -> dict[str, str]:
    """Key to value, of a file that is known to be whole."""
    found = {}
    with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as model:
        for number, place in _fields(model):
            if number == METADATA_PROPS:
                pair = model[place]
                texts = {field: pair[text].decode() for field, text in _fields(pair)}
                found[texts.get(KEY, "")] = texts.get(VALUE, "")
    return found


def _fields(message: bytes | mmap) -> Iterator[tuple[int, slice]]:
    """Number of each field that has a length, and where its bytes lie."""
    position = 0
    while position < len(message):
        tag, position = _varint(message, position)
        number, kind = tag >> 3, tag & 7
        value, position = _varint(message, position)
        if kind == LENGTH_DELIMITED:
            yield number, slice(position, position + value)
            position += value


def _varint(message: bytes | mmap, position: int) -> tuple[int, int]:
    """The number that begins there, seven bits a byte, the lowest first, and where it ends."""
    value = shift = 0
    while True:
        byte = message[position]
        value |= (byte & 0x7F) << shift
        position += 1
        if byte < 0x80:
            return value, position
        shift += 7
