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

__all__ = ["NOUN", "PROGRAMS", "members", "recognises"]

PROGRAMS = (b"MZ", b"\x7fELF", b"#!")  # that unpack what is appended to them


def recognises(head: bytes, stream: BinaryIO) -> bool:
    """Reads the last 64 KiB at most. Programs that know zips hold the record of an empty one."""
    size = stream.seek(0, os.SEEK_END)
    stream.seek(max(0, size - END_RECORD_BYTES - LONGEST_COMMENT))
    tail = stream.read()
    place = tail.rfind(END_RECORD)
    if place < 0 or place + END_RECORD_BYTES > len(tail):
        return False
    (directory_bytes,) = struct.unpack_from("<I", tail, place + 12)
    return directory_bytes > 0 and zipfile.is_zipfile(stream)
