"""What a PDF document is told by."""

from __future__ import annotations

import re
from typing import BinaryIO

NOUN = "PDF document"
MAGIC = re.compile(rb"%PDF-\d\.\d")
MAGIC_WITHIN = 1024  # as readers allow
OBJECT = re.compile(rb"\d{1,10}\s{1,9}\d{1,5}\s{1,9}obj\b")
OBJECT_WITHIN = 8192


def recognises(head: bytes, stream: BinaryIO) -> bool:
    """By the magic number; where other bytes precede it, by an object that follows, too."""
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"%PDF-"):
        return True
    stream.seek(0)
    start = stream.read(MAGIC_WITHIN + OBJECT_WITHIN)
    magic = MAGIC.search(start, 0, MAGIC_WITHIN)
    return magic is not None and OBJECT.search(start, magic.end()) is not None
