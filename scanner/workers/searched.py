"""Bytes that no decoder and no reader accounts for: searched for pictures, and called by name."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import BinaryIO

from scanner.carving.gaps import Gaps
from scanner.carving.marks import end_of_first, picture_at, suffix_of
from scanner.carving.search import Places, Search
from scanner.carving.window import Window
from scanner.containers.container import CHUNK_BYTES, TO_THE_END
from scanner.containers.sources import Source, open_source
from scanner.images.signatures import is_image, unread_image
from scanner.kinds import HEAD_BYTES, TAIL_BYTES, kind_of
from scanner.kinds.unopened import archive_inside
from scanner.limits import Limits
from scanner.processes import Alive
from scanner.provenance.finding import Finding, Tag
from scanner.record import Status

NOISE = "bytes that look compressed or encrypted, where pictures cannot be searched for"
NOT_SEARCHED = "no image decoder recognises the content; what is in it was not searched for"
# What a JPEG says that has, and one that holds, how much brighter a screen may show it: Adobe's
# namespace and that of ISO 21496-1.
GAIN_MAPS = (b"hdrgm:Version", b"urn:iso:std:iso:ts:21496:-1")
GAIN_MAP_WITHIN = 1 << 16


@contextmanager
def searching(
    source: Source,
    gaps: Gaps | None,
    limits: Limits,
    alive: Alive,
    decoded: Sequence[int] = (),
) -> Iterator[Search]:
    """A search of `source`, to be fed its bytes. Raises OSError.

    gaps: where it may look; None for everywhere. decoded: where pictures begin that were, of which
    the first is what the file begins with. They are not found again, nor is a damaged one that it
    begins with. Of kinds whose end nothing tells, all that follows is taken for the picture's own.
    """
    with open_source(source) as stream:
        size = stream.seek(0, io.SEEK_END)
        known = [_stretch(stream, start, size, bool(decoded)) for start in {0, *decoded}]
        known.append((size, TO_THE_END))  # of some it was not known where they end
        everywhere = Gaps([(0, size)])
        where = everywhere if gaps is None else gaps
        yield Search(stream, where.without(known), limits, alive)


def search_bytes(
    data: bytes,
    gaps: Gaps | None,
    limits: Limits,
    alive: Alive,
    decoded: Sequence[int] = (),
) -> Search:
    """As `searching`, of bytes in memory, when it is done."""
    with searching(data, gaps, limits, alive, decoded) as search:
        for place in range(0, len(data), CHUNK_BYTES):
            alive(place)
            search.feed(data[place : place + CHUNK_BYTES], place)
    return search


def _stretch(stream: BinaryIO, start: int, size: int, is_sound: bool) -> tuple[int, int]:
    """That of the picture that begins at `start`, an empty one where none does."""
    window = Window(stream, start, size)
    head = window.at(0, HEAD_BYTES)
    if not (is_sound or is_image(head)):
        return start, start
    end = end_of_first(window)
    if end is None and is_sound and suffix_of(head) is None:
        return start, size
    return start, start + (end or 0)


Ends = tuple[bytes, bytes, int]


def ends_of(source: Source) -> Ends:
    """What tells a file's kind: its first bytes, its last, and how many. Raises OSError."""
    if isinstance(source, bytes):
        return source[:HEAD_BYTES], source[-TAIL_BYTES:], len(source)
    with open_source(source) as stream:
        head = stream.read(HEAD_BYTES)
        size = stream.seek(0, io.SEEK_END)
        stream.seek(max(0, size - TAIL_BYTES))
        return head, stream.read(TAIL_BYTES), size


def outcome(ends: Ends, search: Search | None) -> tuple[Status, str]:
    """What becomes of a file that is no image and no container, and why.

    ends: as `ends_of` gives them. search: None where none was wanted.
    """
    kind = kind_of(*ends)
    name = kind.name or "a file of unknown kind"
    found = told(search)
    if kind.status is Status.ENCRYPTED:
        return kind.status, f"{name}; it is encrypted{found}"
    if kind.status is Status.UNREADABLE:
        return kind.status, f"{name} that no decoder can read{found}"
    if kind.status is not None:
        return kind.status, f"{name}, which imgscan does not open{found}"
    if search is None:
        return Status.NOT_IMAGE, NOT_SEARCHED
    if search.places.over is not None:
        return Status.OVER_LIMIT, f"{name} that holds {search.places.over}{found}"
    if search.contained is not None:
        return Status.UNSUPPORTED, f"{name} that holds {search.contained} as text{found}"
    if search.opaque and not kind.is_dense:
        return Status.UNSUPPORTED, f"{name} with {NOISE}{found}"
    if search.places:
        return Status.CONTAINER, f"{name}{found}"
    return Status.NOT_IMAGE, f"{name}; no picture begins anywhere in it"


def told(search: Search | None) -> str:
    """What the error of a file says of the pictures that were found in it."""
    number = len(search.places) if search is not None else 0
    if number < 2:
        return "; 1 picture was found in it, which has a row of its own" if number else ""
    return f"; {number:,} pictures were found in it, which have rows of their own"


def nobodys(search: Search) -> str | None:
    """What is said of bytes between a container's members that nothing can be found in."""
    if search.unlisted:
        what = "compressed members that are damaged or that its directory does not list"
        return f"{what} ({search.unlisted:,}), which were not opened"
    return f"between or around its members lie {NOISE}" if search.opaque.is_long else None


def large(ends: Ends, search: Search | None, too_large: str) -> tuple[Status, str]:
    """What becomes of a file that is too large to be held in memory."""
    head = ends[0]
    if is_image(head):
        return Status.OVER_LIMIT, f"{too_large}{told(search)}"
    if name := unread_image(head):
        return Status.UNSUPPORTED, f"{name}, which imgscan does not open{told(search)}"
    if search is None:
        return Status.OVER_LIMIT, too_large
    return outcome(ends, search)


def behind_image(data: bytes, search: Search) -> tuple[Places | None, list[Finding]]:
    """Of what was found behind an image: what wants rows, if anything, and what else to tell of."""
    places, findings = Places(), []
    is_brighter = any(mark in data[:GAIN_MAP_WITHIN] for mark in GAIN_MAPS)
    places.over = search.places.over
    for place in search.places:
        head = data[place.start : place.start + GAIN_MAP_WITHIN]
        if is_brighter and place.suffix == "jpg" and any(mark in head for mark in GAIN_MAPS):
            findings.append(
                _finding("gain_map_behind", f"at byte {place.start:,}; it was not judged")
            )
        else:
            places.append(place)
    is_untold = search.opaque.is_long and not search.films and archive_inside(data) is None
    if is_untold and _begins_whole(data):
        places.rest = f"what follows the image has {NOISE}"
    films = (f"at byte {film:,}; it was not looked at" for film in search.films)
    findings += [_finding("film_behind", text) for text in films]
    return (places if places or places.over or places.rest else None), findings


def _begins_whole(data: bytes) -> bool:
    """Whether the picture that it begins with ends by its own word: what follows is not its own."""
    first = picture_at(Window(io.BytesIO(data), 0, len(data)))
    return first is not None and first[1].whole


def _finding(name: str, text: str) -> Finding:
    return Finding("file", Tag.INFERRED, name, text)
