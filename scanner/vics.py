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
# A place is as long as what lies around it is deep, and of all that is read at once there is one.
READ_BYTES = 4096
LONGEST_PLACE = 1000  # characters
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# Where media lie: of a list of hashes, and of cases.
CASE = "value.item"
MEDIA_OF_CASE = f"{CASE}.Media"
PLACES = (CASE, f"{MEDIA_OF_CASE}.item")
FIELDS = {f"{place}.{name}": (place, name) for place in PLACES for name in ("MD5", "SHA1")}
ALTERNATIVES = {f"{place}.AlternativeHashes.item": place for place in PLACES}
NAMES = frozenset(f"{place}.HashName" for place in ALTERNATIVES)
VALUES = frozenset(f"{place}.HashValue" for place in ALTERNATIVES)
# What may stand where media and their hashes lie: anything else would hide some from the reader.
OBJECT = frozenset({"start_map", "map_key", "end_map"})
LIST = frozenset({"start_array", "end_array", "null"})
KINDS = dict.fromkeys((*PLACES, *ALTERNATIVES), OBJECT) | {
    place.removesuffix(".item"): LIST for place in (*PLACES, *ALTERNATIVES)
}
SHA256 = re.compile("SHA[-_ ]?256", re.IGNORECASE)


@dataclass(frozen=True)
class Media:
    """What is read of one entry: its hashes, in the digits that stand there."""

    md5: str | None
    sha1: str | None
    sha256: str | None


def is_vics(start: bytes) -> bool:
    """Whether a file that begins with these bytes, MARK_WITHIN of them, says that it is VICS."""
    return MARK.search(start) is not None


def read_media(stream: BinaryIO) -> Iterator[Media]:
    """The media of a VICS file, one at a time, in memory that stays flat.

    stream: at its beginning, which may be a byte order mark. Raises ValueError for what is no JSON,
    and where something else stands in the place of media.
    """
    if stream.read(len(BYTE_ORDER_MARK)) != BYTE_ORDER_MARK:
        stream.seek(0)
    # By its place, as a case lies around its media.
    found: dict[str, dict[str, str]] = {place: {} for place in PLACES}
    other: dict[str, str] = {}  # an alternative hash
    is_case = False
    for place, event, value in _events(stream):
        if place in KINDS and event not in KINDS[place]:
            raise ValueError(f"{place} is no {'object' if KINDS[place] is OBJECT else 'list'}")
        if place == MEDIA_OF_CASE:
            is_case = True
        elif place in PLACES and event == "start_map":
            found[place] = {}
        elif event == "null":
            continue
        elif place in FIELDS:
            # Also a list or whatever else does not belong there: that is no hash, and not nothing.
            entry, name = FIELDS[place]
            found[entry][name] = str(value)
        elif place in NAMES:
            other["name"] = str(value)
        elif place in VALUES:
            other["value"] = str(value)
        elif place in ALTERNATIVES and event == "end_map":
            if SHA256.fullmatch(other.get("name", "")) and "value" in other:
                found[ALTERNATIVES[place]]["SHA256"] = other["value"]
            other = {}
        elif place in PLACES and event == "end_map":
            md5, sha1, sha256 = (found[place].get(key) or None for key in ("MD5", "SHA1", "SHA256"))
            if not (is_case and place == CASE):
                yield Media(md5, sha1, sha256)
            elif md5 or sha1 or sha256:
                raise ValueError("a case has hashes of its own beside its media")
            else:
                is_case = False


def _events(stream: BinaryIO) -> Iterator[tuple[str, str, Any]]:
    import ijson

    try:
        for event in ijson.parse(stream, use_float=True, buf_size=READ_BYTES):
            if len(event[0]) > LONGEST_PLACE:
                raise ValueError("it is nested too deeply")
            yield event
    except ijson.JSONError as error:
        raise ValueError(str(error)) from error
