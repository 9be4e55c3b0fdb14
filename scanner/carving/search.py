"""The search of a stream for pictures that begin in it, chunk by chunk, in bounded memory."""

from __future__ import annotations

import io
import struct
from bisect import bisect_right
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from scanner.carving import coded
from scanner.carving.coded import CODINGS, FIRST_BYTES, PLAIN, Run
from scanner.carving.entropy import Opaque
from scanner.carving.extents import Extent, is_film
from scanner.carving.gaps import Gaps
from scanner.carving.marks import (
    CONTAINERS,
    LONGEST_MARK,
    MARKS,
    SUFFIXES,
    Mark,
    matcher,
    picture_at,
    suffix_of,
)
from scanner.carving.window import Window
from scanner.limits import Limits
from scanner.processes import Alive, unheard

OF_ONE_PIECE = ("webp", "bmp")  # that hold no others; if only their headers say where they end
SOME_ZEROS = bytes(64)
STEP_BYTES = 1 << 16
# What looking at marks may cost, as `Window.effort` counts: honest files need little of it, and in
# one that is made of marks the search ends.
FIRST_EFFORT, EFFORT_A_BYTE = 1 << 26, 32
MOST_CODED = 1 << 26  # bytes of a picture that is written as text or deflated, and of that text
PACKED = struct.Struct("<QQQBB")


class Place(NamedTuple):
    """Where a picture lies: the bytes `start` to `stop`, in CODINGS' `coding`.

    offset: where it begins, with what announces it. suffix: of the kind that it begins like.
    """

    offset: int
    start: int
    stop: int
    suffix: str
    coding: str


class Places:
    """Many of them, in the order in which they lie, in a few bytes each.

    over: completes "holds" where a limit ended the search for more. rest: what becomes of bytes in
    which no search can find any.
    """

    def __init__(self) -> None:
        self.over: str | None = None
        self.rest: str | None = None
        self._packed = bytearray()

    def append(self, place: Place) -> None:
        kinds = SUFFIXES.index(place.suffix), CODINGS.index(place.coding)
        self._packed += PACKED.pack(place.offset, place.start, place.stop, *kinds)

    def cut_last(self, stop: int) -> None:
        """Let the last one end at `stop`."""
        offset, start, _, *kinds = PACKED.unpack(self._packed[-PACKED.size :])
        self._packed[-PACKED.size :] = PACKED.pack(offset, start, stop, *kinds)

    def __len__(self) -> int:
        return len(self._packed) // PACKED.size

    def __iter__(self) -> Iterator[Place]:
        for offset, start, stop, suffix, coding in PACKED.iter_unpack(self._packed):
            yield Place(offset, start, stop, SUFFIXES[suffix], CODINGS[coding])


class Search:
    """Fed a stream's bytes in order, it notes the pictures that begin in its `gaps`.

    stream: the same bytes, to be read at any place; a stream of its own. places: what was found.
    films: where ISO media begins that is no picture. unlisted: how many compressed members of a zip
    begin that are none. contained: the kind of a container that is written as text. opaque: what
    looks compressed or encrypted. alive: called at every candidate.
    """

    def __init__(
        self,
        stream: BinaryIO,
        gaps: Gaps,
        limits: Limits,
        alive: Alive = unheard,
    ) -> None:
        self.places = Places()
        self.films: list[int] = []
        self.unlisted = 0
        self.contained: str | None = None
        self.opaque = Opaque()
        self._stream = stream
        self._gaps = gaps
        self._limits = limits
        self._alive = alive
        self._left = b""  # of the gap so far, what a mark may have begun in
        self._next = 0  # where the gap goes on
        self._done = 0  # up to where all belongs to pictures that were found
        self._stated = 0  # where the last picture ends, if another in it shows that it does not
        self._room = limits.archive_bytes
        self._effort = FIRST_EFFORT  # that may still be spent on marks
        self._recent: list[tuple[int, int]] = [(0, 0)]

    def feed(self, chunk: bytes, offset: int) -> None:
        """Search the bytes from `offset` on. Raises OSError."""
        for start, stop in self._gaps.within(offset, offset + len(chunk)):
            piece = chunk if stop - start == len(chunk) else chunk[start - offset : stop - offset]
            self._effort += EFFORT_A_BYTE * len(piece)
            if self.places.over is None:
                self._search(piece, start, self._gaps.end(start))
            self.opaque.feed(piece, start, self._is_found)

    def _is_found(self, place: int) -> bool:
        """Whether `place` lies in a picture that was found."""
        start, stop = self._recent[bisect_right(self._recent, (place, 1 << 62)) - 1]
        return start <= place < stop

    def _search(self, piece: bytes, start: int, gap_end: int) -> None:
        if start != self._next:
            self._left = b""
        self._next = start + len(piece)
        self._recent = self._recent[-1:]
        for mark, place in self._marks(piece, start):
            begin = place - mark.back
            if begin >= max(self._done, self._gaps.start(start)):
                self._try(begin, gap_end, mark.coding)
                if self.places.over is not None:
                    return

    def _marks(self, piece: bytes, start: int) -> Iterator[tuple[Mark, int]]:
        """The marks that end in `piece`, which lies at `start`, each with its place."""
        left, edge = self._left, piece[: LONGEST_MARK - 1]
        self._left = (
            (left + piece)[1 - LONGEST_MARK :]
            if len(piece) < LONGEST_MARK
            else (piece[1 - LONGEST_MARK :])
        )
        for index, at, end in _matches(left + edge):
            if at < len(left) < end:
                yield MARKS[index], start - len(left) + at
        if piece.startswith(SOME_ZEROS) and piece == bytes(len(piece)):
            return
        for window in range(0, len(piece), STEP_BYTES):
            if start + window + STEP_BYTES <= self._done:  # inside a picture that was found
                continue
            first = max(0, window + 1 - LONGEST_MARK)  # one may begin in the window before
            for index, at, end in _matches(piece[first : window + STEP_BYTES]):
                if first + end > window:
                    yield MARKS[index], start + first + at

    def _try(self, begin: int, gap_end: int, coding: str) -> None:
        """Note the picture that begins at `begin`, if one does."""
        self._alive()
        window = Window(self._stream, begin, gap_end)
        if coding != PLAIN:
            self._try_coded(window, begin, coding)
        elif found := picture_at(window):
            suffix, extent = found
            # One that is too large is cut, and its row says that it breaks off.
            size = min(extent.size, self._limits.file_bytes)
            self._note(begin, Run(0, size), suffix, coding, size, extent)
        elif is_film(window):
            self.films.append(begin)
        self._effort -= window.effort
        if self._effort < 0 and self.places.over is None:
            self.places.over = "too many marks of pictures that lead nowhere"

    def _try_coded(self, window: Window, begin: int, coding: str) -> None:
        run = self._run(window, coding)
        if run is None:
            method, _ = (coding == coded.DEFLATE and coded.member(window)) or (0, run)
            self.unlisted += method not in (0, coded.DEFLATED)
            return
        limit = self._limits.file_bytes
        head = coded.begins(coding, window.at(run.start, min(FIRST_BYTES, run.stop - run.start)))
        suffix = suffix_of(head)
        if suffix is None:
            self.unlisted += coding == coded.DEFLATE
            kinds = (kind for mark, kind in CONTAINERS if head.startswith(mark))
            self.contained = self.contained or next(kinds, None)
            return
        if run.stop - run.start > MOST_CODED:  # which its row will say
            self._note(begin, run, suffix, coding, limit, Extent(limit, True))
            return
        text = window.at(run.start, run.stop - run.start)
        for end in filter(None, (_line_end(coding, text), len(text))):
            data = coded.decode(coding, text[:end], MOST_CODED)
            inside = Window(io.BytesIO(data), 0, len(data))
            found = picture_at(inside)
            window.effort += inside.effort + len(data)
            ends_here = found is not None and found[1].whole and found[1].size == len(data)
            if found and (end == len(text) or ends_here or _begins_anew(coding, text[end:])):
                part = Run(run.start, run.start + end)
                self._note(begin, part, found[0], coding, len(data), found[1])
                return

    def _run(self, window: Window, coding: str) -> Run | None:
        if coding == coded.DEFLATE:
            return coded.deflated(window, MOST_CODED)
        if coding == coded.UUENCODE:
            return coded.uu_run(window)
        return coded.text_run(coding, window)

    def _note(
        self, begin: int, run: Run, suffix: str, coding: str, size: int, extent: Extent
    ) -> None:
        if suffix == "tif" and self._is_found(begin):
            return  # the metadata of that picture
        self._room -= size
        if len(self.places) >= self._limits.members:
            self.places.over = f"more than {self._limits.members:,} pictures"
        elif self._room < 0:
            self.places.over = f"pictures of more than {self._limits.archive_bytes:,} bytes"
        else:
            place = Place(begin, begin + run.start, begin + run.stop, suffix, coding)
            # Where another begins in one whose end was only stated, the rest of that is elsewhere.
            if begin < self._stated:
                self.places.cut_last(begin)
            self.places.append(place)
            is_cut = suffix in OF_ONE_PIECE and extent.stated and coding == PLAIN
            self._stated = place.stop if is_cut else 0
            # In one that breaks off another may begin, as the small one inside a large one does.
            is_known = extent.whole and not extent.stated
            self._done = place.stop if is_known or coding != PLAIN else begin + 1
            self._recent.append((place.start, place.stop))


def _line_end(coding: str, text: bytes) -> int:
    """Where a picture may end if there is one a line; 0 where it can only be one in many."""
    return 0 if coding == coded.DEFLATE else coded.first_line(text)


def _begins_anew(coding: str, text: bytes) -> bool:
    """Whether the next line is the beginning of a picture."""
    head = text.lstrip()[: 2 * FIRST_BYTES]
    return suffix_of(coded.begins(coding, head[: len(head) & ~3])) is not None


def _matches(data: bytes) -> list[tuple[int, int, int]]:
    """Index, start and end of each of MARKS in `data`, also where they overlap."""
    return matcher().find_matches_as_indexes(data, overlapping=True)
