"""VICS, the format in which Project VIC and its tools exchange media: JSON in the manner of OData.

Versions 1.3 and 2.0 are alike in what is read and written here: `value` lists media themselves (a
list of hashes) or cases, each with its `Media`. Media are identified by MD5; of SHA-256 and other
hashes the format knows as AlternativeHashes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

SUFFIX = ".vics.json"  # of a report in this format; any name will do for one that is read
CONTEXT = "http://github.com/VICSDATAMODEL/ProjectVic/DataModels/2.0.xml/CUSTOM/$metadata#Cases"
# By which a file of either version is known; it may also be written with escaped slashes.
MARK = re.compile(rb'"@?odata\.(?:context|metadata)"\s*:\s*"[^"]*ProjectVic', re.IGNORECASE)
MARK_WITHIN = 8192  # bytes from the beginning
# Where media lie: of a list of hashes, and of cases.
PLACES = ("value.item", "value.item.Media.item")
ENDS = frozenset(PLACES)
FIELDS = {
    f"{place}.{name}": name for place in PLACES for name in ("MD5", "SHA1", "MediaID", "Tags")
}
NAMES = frozenset(f"{place}.AlternativeHashes.item.HashName" for place in PLACES)
VALUES = frozenset(f"{place}.AlternativeHashes.item.HashValue" for place in PLACES)
SHA256 = re.compile("SHA[-_ ]?256", re.IGNORECASE)


@dataclass(frozen=True)
class Media:
    """What is read of one entry: its hashes, in the digits that stand there, and its tags."""

    md5: str | None
    sha1: str | None
    sha256: str | None
    tags: str | None


def is_vics(start: bytes) -> bool:
    """Whether a file that begins with these bytes, MARK_WITHIN of them, says that it is VICS."""
    return MARK.search(start) is not None


def read_media(stream: BinaryIO) -> Iterator[Media]:
    """The media of a VICS file, one at a time, in memory that stays flat.

    Raises ValueError for what is no JSON.
    """
    import ijson

    found: dict[str, str] = {}
    name = None
    for place, event, value in _events(ijson, stream):
        if place in FIELDS and event == "string":
            found[FIELDS[place]] = value
        elif place in FIELDS and event == "number":
            found[FIELDS[place]] = str(value)
        elif place in NAMES:
            name = value
        elif place in VALUES and name is not None and SHA256.fullmatch(str(name)):
            found["SHA256"] = str(value)
        elif place in ENDS and event == "end_map":
            # A case has ended as well, but has none of these.
            if found:
                md5, sha1, sha256 = (found.get(key) or None for key in ("MD5", "SHA1", "SHA256"))
                yield Media(md5, sha1, sha256, found.get("Tags"))
            found, name = {}, None


def _events(ijson: Any, stream: BinaryIO) -> Iterator[tuple[str, str, Any]]:
    try:
        yield from ijson.parse(stream, use_float=True)
    except ijson.JSONError as error:
        raise ValueError(str(error)) from error
