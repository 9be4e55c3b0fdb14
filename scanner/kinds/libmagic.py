"""libmagic's name for a kind of file, and what its words say of pictures out of reach.

Its table knows thousands of kinds. Only what it knows by marks is asked for: not what it makes of
text, and nothing that it would have to take apart.
"""

from __future__ import annotations

import ctypes
import re
import sys
from functools import cache
from pathlib import Path
from typing import Any

# Flags of magic.h: no look into compressed files, tar, ELF, text, OLE, CSV, tokens, JSON.
MARKS_ONLY = 0x7FB000
LONGEST_NAME = 60
ENCRYPTED = re.compile(r"(?<!not-)(?<!not )\bencrypted\b|\benc'd\b|^PGP .*encrypted", re.IGNORECASE)
UNOPENED = re.compile(
    r"\barchive\b|(?<!un)(?<!not )(?<!not-)\bcompressed\b|\bdis[ck] image\b|\bfile ?system\b"
    r"|\bboot sector\b|\bpartition table\b|\bcrash dump\b|\bimage data\b|\bimage\b(?=, \d)"
    r"|\bbitmap\b|\bpicture\b|\bvideo\b|\bmovie\b|\btexture\b|\bbackup\b|\braster\b",
    re.IGNORECASE,
)
# Images that decoders here read, where they are not damaged.
DECODED = re.compile(
    r"(?:GIF|PNG|JPEG|TIFF|Netpbm|Adobe Photoshop|PCX|PC bitmap|MS Windows icon)\b"
)
# What says nothing; the last is told better by what follows its two bytes.
NOTHING = ("data", "very short file (no magic)", "zlib compressed data")
WEAK = re.compile(r"TTComp|Targa|DIY-Thermocam")  # told by a byte or two, which others have as well


def description(head: bytes) -> str:
    """How libmagic describes a file that begins with `head`; empty where it says nothing."""
    library = _library()
    if library is None:
        return ""
    functions, cookie = library
    found: bytes | None = functions.magic_buffer(cookie, head, len(head))
    text = (found or b"").decode("ascii", "replace")
    text = text.partition(",")[0].partition(" - ")[0].strip()
    return "" if text in NOTHING or WEAK.match(text) else text[:LONGEST_NAME]


@cache
def _library() -> tuple[Any, int] | None:
    """The functions and an open table; None where the system has no such library."""
    try:
        import pylibmagic
    except (ImportError, OSError):
        return None
    # By its path: the search for a library by its name would run programs.
    folder = Path(pylibmagic.__file__).parent
    name = "libmagic.dylib" if sys.platform == "darwin" else "libmagic.so"
    functions = ctypes.CDLL(str(folder / name))
    functions.magic_open.restype = ctypes.c_void_p
    functions.magic_load.argtypes = (ctypes.c_void_p, ctypes.c_char_p)
    functions.magic_buffer.restype = ctypes.c_char_p
    functions.magic_buffer.argtypes = (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t)
    cookie = functions.magic_open(MARKS_ONLY)
    if not cookie or functions.magic_load(cookie, str(folder / "magic.mgc").encode()):
        return None
    return functions, cookie
