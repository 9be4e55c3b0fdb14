"""The metadata of an ONNX file, without the library that runs it, and its graph passed over.

Such a file is a message of protobuf: fields, each begun by its number and kind.
"""

from __future__ import annotations

from collections.abc import Iterator
from mmap import ACCESS_READ, mmap
from pathlib import Path

METADATA_PROPS = 14  # of a model; each is a message of a key and a value
KEY, VALUE = 1, 2
NUMBER, LENGTH_DELIMITED = 0, 2  # the kinds of field that a model has


def metadata(path: Path) -> dict[str, str]:
    """Key to value. Raises OSError, and ValueError, a clause, for what is no whole ONNX file."""
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
        if kind not in (NUMBER, LENGTH_DELIMITED):
            raise ValueError(f"a field is of the kind {kind}")
        value, position = _varint(message, position)
        if kind == LENGTH_DELIMITED:
            yield number, slice(position, position + value)
            position += value
    if position > len(message):
        raise ValueError("it is cut short")


def _varint(message: bytes | mmap, position: int) -> tuple[int, int]:
    """The number that begins there, seven bits a byte, the lowest first, and where it ends."""
    value = shift = 0
    for place in range(position, len(message)):
        byte = message[place]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place + 1
        shift += 7
    raise ValueError("it is cut short")
