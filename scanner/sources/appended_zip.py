"""Zip archives behind other content: self-extracting programs, zipapps, pictures with an appendix.

A zip is read from its end, so anything may precede it. It is looked for in what is nothing else.
"""

from __future__ import annotations

from typing import BinaryIO

from backports.zstd import zipfile

from scanner.sources.zip import NOUN, members

__all__ = ["NOUN", "PROGRAMS", "members", "recognises"]

PROGRAMS = (b"MZ", b"\x7fELF", b"#!")  # that unpack what is appended to them


def recognises(head: bytes, stream: BinaryIO) -> bool:
    """Reads the last 64 KiB at most."""
    return zipfile.is_zipfile(stream)
