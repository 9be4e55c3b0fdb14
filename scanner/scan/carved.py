"""The pictures that were found in a file's bytes, as entries of a scan like those of a walk."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from scanner.carving.coded import PLAIN, decode
from scanner.carving.search import MOST_CODED, Place, Places
from scanner.containers.container import TooLarge, failure
from scanner.limits import Limits
from scanner.record import Status
from scanner.sources.found import CARVED, Found, Met, Part


def entries(found: Found, places: Places, limits: Limits) -> Iterator[Found | Met]:
    """What was found in the bytes of `found`, and a last entry for what could not be searched."""
    for place in places if not _is_deep(found, limits) else ():
        path = f"{found.path}{CARVED}{place.offset}.{place.suffix}"
        entry: Found | Met
        try:
            entry = _cut(found, place, path, limits)
        except TooLarge as error:
            entry = Met(path, found.position, *failure(error, "picture"))
        yield replace(entry, stamp=found.stamp)
    if (rest := _rest(found, places, limits)) is not None:
        yield Met(f"{found.path}{CARVED}rest", found.position, *rest, found.stamp)


def count(found: Found, places: Places | None, limits: Limits) -> int:
    """How many entries that makes."""
    if places is None:
        return 0
    shown = 0 if _is_deep(found, limits) else len(places)
    return shown + (_rest(found, places, limits) is not None)


def _is_deep(found: Found, limits: Limits) -> bool:
    """Whether it was found in the bytes of what was found in bytes, and so on, too often."""
    return found.path.count(CARVED) >= limits.depth


def _rest(found: Found, places: Places, limits: Limits) -> tuple[Status, str] | None:
    if places and _is_deep(found, limits):
        why = f"pictures within pictures, nested deeper than the limit of {limits.depth}"
        return Status.OVER_LIMIT, why
    if places.over is not None:
        why = f"the file holds {places.over}; the rest was not searched"
        return Status.OVER_LIMIT, why
    return None if places.rest is None else (Status.UNSUPPORTED, places.rest)


def _cut(found: Found, place: Place, path: str, limits: Limits) -> Found:
    """What is to be examined of the picture at `place`. Raises TooLarge."""
    if isinstance(found.source, bytes):
        written = found.source[place.start : place.stop]
        data = decode(place.coding, written, min(MOST_CODED, limits.file_bytes))
        return Found(path, found.position, data)
    outer = found.part or Part(found.source, 0, 0, found.stamp)
    # In what is coded places are counted from its first byte, when it is decoded.
    source = outer if outer.coding != PLAIN else outer.source
    origin = outer.start if outer.coding == PLAIN else 0
    start, stop = origin + place.start, origin + place.stop
    part = Part(source, start, stop, found.stamp, place.coding)
    return Found(path, found.position, found.source, part=part)
