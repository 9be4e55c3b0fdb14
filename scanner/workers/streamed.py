"""Files that are hashed as a stream, and searched for pictures on the way: of any size."""

from __future__ import annotations

import contextlib
import io
from dataclasses import replace
from pathlib import Path

from scanner.carving.gaps import Gaps
from scanner.carving.search import Search
from scanner.containers.disks.virtual import used_by_disk
from scanner.containers.sources import Joined, Source, in_memory, open_source
from scanner.hashes.hashing import Hashing, hash_source
from scanner.limits import Limits
from scanner.processes import Alive, unheard
from scanner.record import UNEXAMINED, Status
from scanner.sources.found import Fate, Stamp, stamp_of
from scanner.workers import searched
from scanner.workers.examined import Examined, known_in, left_out, unreadable


def examine_large(
    source: Path | Joined,
    limits: Limits,
    hashing: Hashing,
    alive: Alive,
    carve: bool,
) -> Examined:
    """Examine a file that is too large to be held in memory: only what is searched for it shows."""
    outcome = Examined(Status.OVER_LIMIT, over_limit(limits))
    examined, search = _hashed(source, outcome, hashing, alive, limits if carve else None)
    if examined.sha256 is None:
        return examined
    if listed := left_out(examined.known, hashing):
        return replace(examined, status=Status.KNOWN, error=listed)
    try:
        status, why = searched.large(searched.ends_of(source), search, over_limit(limits))
    except OSError as trouble:
        return unreadable(trouble)
    return replace(examined, status=status, error=why, carved=search.places if search else None)


def over_limit(limits: Limits) -> str:
    """Why a file is not held in memory."""
    return f"larger than the limit of {limits.file_bytes:,} bytes"


def take_hashes(
    source: Source,
    fate: Fate,
    stamp: Stamp | None,
    limits: Limits,
    hashing: Hashing = Hashing(),  # noqa: B008  immutable
    alive: Alive = unheard,
    carve: bool = True,
    gaps: Gaps | None = None,
) -> Examined:
    """The fate of a container with the hashes of its bytes, and the pictures in its `gaps`.

    stamp: of the file when it was opened for its members; if it has changed since, its hashes
    would not be theirs. alive: called while it goes on.
    """
    outcome = Examined(fate.status, fate.error)
    hashed, search = _hashed(source, outcome, hashing, alive, limits if carve else None, gaps)
    if search is not None:
        hashed = replace(hashed, carved=search.places)
        if gaps is not None and gaps.are_nobodys and fate.status not in UNEXAMINED:
            search.places.rest = searched.nobodys(search)
        if fate.status is Status.UNSUPPORTED:
            hashed = replace(hashed, error=f"{fate.error}{searched.told(search)}")
        if fate.status is Status.NOT_IMAGE and (search.places or search.places.rest):
            why = f"{fate.error}{searched.told(search)}"
            hashed = replace(hashed, status=Status.CONTAINER, error=why)
    if in_memory(source) is not None or stamp is None or hashed.sha256 is None:
        return hashed
    with contextlib.suppress(OSError):
        if stamp_of(source) == stamp:
            return hashed
    return Examined(Status.UNREADABLE, f"{fate.noun} that changed while it was scanned")


def beside_disk(image: Source, alive: Alive) -> Gaps | None:
    """What of an image its disk leaves; None, for everywhere, where it cannot be read."""
    try:
        with open_source(image) as stream:
            size = stream.seek(0, io.SEEK_END)
            return Gaps.all_but(used_by_disk(stream, alive), size, are_nobodys=True)
    except OSError:
        return None


def _hashed(
    source: Source,
    outcome: Examined,
    hashing: Hashing,
    alive: Alive,
    limits: Limits | None,
    gaps: Gaps | None = None,
) -> tuple[Examined, Search | None]:
    """`outcome` with the hashes of `source`, or the reason why there are none.

    With limits, the same bytes are searched for pictures on the way.
    """
    with contextlib.ExitStack() as stack:
        search: Search | None = None

        def see(chunk: bytes, place: int) -> None:
            alive(place)
            if search is not None:
                search.feed(chunk, place)

        try:
            if limits is not None:
                search = stack.enter_context(searched.searching(source, gaps, limits, alive))
            hashes, size = hash_source(source, hashing.weak, see)
        except OSError as error:  # what was found up to there is there all the same
            return outcome if outcome.status in UNEXAMINED else unreadable(error), search
    known = known_in(hashes, hashing)
    hashed = replace(outcome, **vars(hashes), known=known, bytes=size)
    return hashed, search
