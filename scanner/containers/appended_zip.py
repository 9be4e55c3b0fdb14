"""Zip archives behind other content: self-extracting programs, zipapps, pictures with an appendix.

A zip is read from its end, so anything may precede it. It is looked for in what is nothing else.
"""

from __future__ import annotations

import os
import struct
from typing import BinaryIO

from backports.zstd import zipfile

from scanner.containers.zip import END_RECORD, END_RECORD_BYTES, LONGEST_COMMENT, NOUN
from scanner.containers.zip import archived as members

__all__ = ["NOUN", "PROGRAMS", "end_record", "members", "recognises"]

PROGRAMS = (b"MZ", b"\x7fELF", b"#!")  # that unpack what is appended to them


def recognises(head: bytes, stream: BinaryIO) -> bool:
    """Reads the last 64 KiB at most."""
    return end_record(stream) is not None and zipfile.is_zipfile(stream)


def end_record(stream: BinaryIO) -> int | None:
    """Where the end record of a zip begins. Programs that know zips hold that of an empty one."""
    start = max(0, stream.seek(0, os.SEEK_END) - END_RECORD_BYTES - LONGEST_COMMENT)
    stream.seek(start)
    tail = stream.read()
    place = tail.rfind(END_RECORD)
    if place < 0 or place + END_RECORD_BYTES > len(tail):
        return None
    (directory_bytes,) = struct.unpack_from("<I", tail, place + 12)
    return start + place if directory_bytes > 0 else None
