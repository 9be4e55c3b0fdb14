"""What a worker does with one file: read once, hash, decode, make the views, gather provenance.

What no decoder accounts for it searches for pictures; so it does with what no member of a container
takes, and with files too large to be held in memory, while it takes their hashes. A page that was
called fake it is asked to look at again.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from scanner.carving.gaps import Gaps
from scanner.carving.search import Places, Search
from scanner.containers.container import TooLarge, read_limited
from scanner.files import file_facts, open_readonly
from scanner.hashes.hashing import Hashes, Hashing, hash_bytes, hash_source
from scanner.images.decode import (
    ANIMATIONS,
    Decoded,
    NotAnImage,
    Pages,
    TooManyPixels,
    UnsupportedImage,
    opened,
)
from scanner.images.opacity import doubt as see_through
from scanner.images.signatures import is_image
from scanner.kinds import kind_of
from scanner.limits import Limits
from scanner.looks import LOOKS
from scanner.model.card import Domain
from scanner.preprocess import Preprocessing, view
from scanner.processes import Alive, unheard
from scanner.provenance import gather
from scanner.provenance.finding import Finding
from scanner.quality import Quality, QualityBounds, quality
from scanner.record import UNEXAMINED, Status
from scanner.sources.found import Fate, Part, Stamp
from scanner.workers import searched

SAMPLED_FRAMES, SAMPLED_FROM = 4, 100


class Shown(NamedTuple):
    """Which images a model judges, what it sees of them, and what they must be for a verdict.

    looks: of LOOKS, those by which a picture that was called fake is looked at again.
    """

    domain: Domain
    preprocessing: Preprocessing
    bounds: QualityBounds | None = None
    looks: Sequence[str] = ()


Views = Sequence[Shown]  # of each model of the scan, in their order


@dataclass(frozen=True)
class Examined:
    """Facts of one file's bytes. `view` exists exactly when a model is to judge it.

    page: which of the file's `frames` this is, from 1. model: the place in Views of the one that is
    to judge it; None also for a sound picture that lies in no domain. doubt: why it can have no
    verdict, whatever the score; only with a view. quality: with a view, of models that bound it.
    evidence: provenance findings as JSON, also of images that could not be decoded. view: uint8,
    what the model sees of it, as `scanner.preprocess.view` makes it, or at second sight that once
    for each look. carved: where in it other pictures begin, which are to be examined. further: the
    other pages that were looked at.
    """

    status: Status
    error: str | None = None
    sha256: str | None = None
    md5: str | None = None
    known: str | None = None
    bytes: int | None = None
    format: str | None = None
    width: int | None = None
    height: int | None = None
    page: int | None = None
    frames: int | None = None
    model: int | None = None
    doubt: str | None = None
    quality: Quality | None = None
    evidence: str | None = None
    view: NDArray[np.uint8] | None = None
    carved: Places | None = None
    further: Sequence[Examined] = ()


def examine(
    source: Path | bytes | Part,
    views: Views,
    limits: Limits,
    hashing: Hashing = Hashing(),  # noqa: B008  immutable
    alive: Alive = unheard,
    carve: bool = True,
    gaps: Gaps | None = None,
) -> Examined:
    """Examine a file, a member's bytes or a part. Never raises for what is in the bytes.

    alive: called between the pages of an image, and while bytes are searched or, of a file too
    large for more, hashed. carve: whether to search for pictures, and in which gaps.
    """
    try:
        data = source if isinstance(source, bytes) else _read(source, limits)
    except TooLarge as error:
        return _examine_large(source, error, limits, hashing, alive, carve)
    except OSError as error:
        return _unreadable(error)
    hashes = hash_bytes([data], hashing.takes_md5)
    known = _known(hashes, hashing)
    evidence = None
    if listed := _left_out(known, hashing):
        outcomes = [Examined(Status.KNOWN, listed)]
    else:
        outcomes, others = _decode(data, views, limits, alive)
        outcomes[0], findings = _carve(data, outcomes[0], others, limits, alive, carve, gaps)
        evidence = gather(data, findings)
    facts: dict[str, Any] = {"sha256": hashes.sha256, "md5": hashes.md5, "known": known}
    facts |= {"bytes": len(data), "evidence": evidence}
    first, *further = (replace(outcome, **facts) for outcome in outcomes)
    return replace(first, further=further)


def _carve(
    data: bytes,
    first: Examined,
    others: Sequence[int],
    limits: Limits,
    alive: Alive,
    wanted: bool,
    gaps: Gaps | None,
) -> tuple[Examined, Sequence[Finding]]:
    """`first` with the pictures that begin in what no decoder accounts for, and what else is there.

    others: where the further pictures of a file begin that was decoded.
    """
    search = None
    if wanted and data:
        decoded = () if first.format is None else (0, *others)
        search = searched.search_bytes(data, gaps, limits, alive, decoded)
    if data and (first.status is Status.NOT_IMAGE or _is_mistaken(data, first)):
        status, why = searched.outcome(searched.ends_of(data), search)
        return replace(
            first, status=status, error=why, carved=search.places if search else None
        ), ()
    if search is None:
        return first, ()
    if first.status is Status.UNSUPPORTED and first.format is None:
        why = f"{first.error}{searched.told(search)}"
        return replace(first, error=why, carved=search.places), ()
    places, findings = searched.behind_image(data, search)
    # What is known of bytes must not depend on where they lie, as gaps do.
    return replace(first, carved=places), findings if gaps is None else ()


def _is_mistaken(data: bytes, first: Examined) -> bool:
    """Whether a decoder failed on what only passed for its format, which has no mark of its own."""
    if first.status is not Status.UNREADABLE or first.format is not None or is_image(data):
        return False
    return kind_of(*searched.ends_of(data)).status is not None


def _examine_large(
    source: Path | bytes | Part,
    error: TooLarge,
    limits: Limits,
    hashing: Hashing,
    alive: Alive,
    carve: bool,
) -> Examined:
    """Examine a file that is too large to be held in memory: only what is searched for it shows."""
    reason = f"larger than the limit of {error.limit:,} bytes"
    outcome = Examined(Status.OVER_LIMIT, reason)
    if not isinstance(source, Path):
        return outcome
    examined, search = _hashed(source, outcome, hashing, alive, limits if carve else None)
    if examined.sha256 is None:
        return examined
    if listed := _left_out(examined.known, hashing):
        return replace(examined, status=Status.KNOWN, error=listed)
    try:
        status, why = searched.large(searched.ends_of(source), search, error.limit)
    except OSError as trouble:
        return _unreadable(trouble)
    return replace(examined, status=status, error=why, carved=search.places if search else None)


def take_hashes(
    source: Path | bytes,
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
        if fate.status is Status.NOT_IMAGE:
            hashed = replace(hashed, **_empty(fate, search))
        elif gaps is not None and gaps.are_nobodys and search.opaque.is_long:
            search.places.rest = f"between or around its members lie {searched.NOISE}"
    if isinstance(source, bytes) or stamp is None or hashed.sha256 is None:
        return hashed
    with contextlib.suppress(OSError):
        facts = file_facts(source)
        if Stamp(facts.st_size, facts.st_mtime_ns) == stamp:
            return hashed
    return Examined(Status.UNREADABLE, f"{fate.noun} that changed while it was scanned")


def _empty(fate: Fate, search: Search) -> dict[str, Any]:
    """What becomes of a container that lists no files, by what lies in it all the same."""
    if search.opaque:
        why = f"{fate.error}, but with {searched.NOISE}{searched.told(search)}"
        return {"status": Status.UNSUPPORTED, "error": why}
    if search.places:
        return {"status": Status.CONTAINER, "error": f"{fate.error}{searched.told(search)}"}
    return {}


def _hashed(
    source: Path | bytes,
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
            hashes, size = hash_source(source, hashing.takes_md5, see)
        except OSError as error:
            return outcome if outcome.status in UNEXAMINED else _unreadable(error), None
    known = _known(hashes, hashing)
    hashed = replace(outcome, sha256=hashes.sha256, md5=hashes.md5, known=known, bytes=size)
    return hashed, search


def _unreadable(error: OSError) -> Examined:
    return Examined(Status.UNREADABLE, f"the file cannot be read: {error.strerror or error}")


def _known(hashes: Hashes, hashing: Hashing) -> str | None:
    if hashing.known is None:
        return None
    return hashing.known.match(*filter(None, (hashes.sha256, hashes.md5)))


def _left_out(known: str | None, hashing: Hashing) -> str | None:
    """Why --skip-known leaves out what the lists named in `known` hold; None where it does not."""
    if known is None or not hashing.skip_known:
        return None
    return f"not examined, as --skip-known asks: its bytes are listed in {known}"


def _decode(
    data: bytes, views: Views, limits: Limits, alive: Alive
) -> tuple[list[Examined], Sequence[int]]:
    """The pages that are looked at; a single outcome where the file cannot even be opened.

    With where pages begin that are files of their own behind the first.
    """
    if not data:
        return [Examined(Status.NOT_IMAGE, "the file is empty")], ()
    try:
        with opened(data, limits.pixels) as pages:
            if pages.frames == 1:
                return [_page(pages, 1, views)], pages.others
            return _pages(pages, views, limits, alive), pages.others
    except Exception as error:  # decoders raise nearly anything on broken files
        return [_failure(error, limits)], ()


def _pages(pages: Pages, views: Views, limits: Limits, alive: Alive) -> list[Examined]:
    looked_at = []
    for number in sample(pages.format, pages.frames, limits.pages):
        alive()
        try:
            looked_at.append(_page(pages, number, views))
        except Exception as error:  # the other pages may be sound
            failed = replace(_failure(error, limits), page=number, frames=pages.frames)
            looked_at.append(replace(failed, format=pages.format))
    if pages.format not in ANIMATIONS and pages.frames > limits.pages:
        reason = f"pages from this one to {pages.frames:,} exceed the limit of {limits.pages:,}"
        over = Examined(Status.OVER_LIMIT, reason, page=limits.pages + 1, frames=pages.frames)
        looked_at.append(over)
    return looked_at


def sample(image_format: str, frames: int, limit: int) -> list[int]:
    """Which of an image's frames or pages are looked at, counted from 1, at most `limit`.

    All pages; of an animation, whose frames resemble each other, four of its first hundred frames,
    evenly spaced, with the first and the last of them.
    """
    if image_format not in ANIMATIONS:
        return list(range(1, min(frames, limit) + 1))
    spaced = np.linspace(1, min(frames, SAMPLED_FROM), min(SAMPLED_FRAMES, frames, limit))
    return [round(number) for number in spaced]


def look_again(
    source: Path | bytes | Part,
    pages: Sequence[int],
    views: Views,
    limits: Limits,
    alive: Alive = unheard,
) -> Examined:
    """What a model sees of pages of a file by each of its `looks`, in their order, as `view`.

    The first of the pages, with the others as `further`. Never raises for what is in the bytes.
    alive: called between decoding and looks.
    """
    try:
        data = source if isinstance(source, bytes) else _read(source, limits)
    except TooLarge as error:
        failed = Examined(Status.OVER_LIMIT, f"larger than the limit of {error.limit:,} bytes")
        return _for_each(pages, failed)
    except OSError as error:
        return _for_each(pages, _unreadable(error))
    sha256 = hash_bytes([data], md5=False).sha256
    try:
        with opened(data, limits.pixels) as found:
            looked = [_looked_at(found, page, views, limits, alive) for page in pages]
    except Exception as error:  # as in `_decode`
        return _for_each(pages, _failure(error, limits))
    first, *further = (replace(page, sha256=sha256) for page in looked)
    return replace(first, further=further)


def _looked_at(pages: Pages, number: int, views: Views, limits: Limits, alive: Alive) -> Examined:
    """One page, with the views of all looks one behind the other."""
    alive()
    try:
        decoded = pages.decode(number)
        model = _judge_of(decoded, views)
        if model is None:  # it has changed since
            return Examined(Status.SCORED, page=number)
        seen = []
        for look in views[model].looks:
            alive()
            seen.append(view(LOOKS[look](decoded.rgb), views[model].preprocessing))
    except Exception as error:  # as in `_pages`
        return replace(_failure(error, limits), page=number)
    return Examined(Status.SCORED, page=number, model=model, view=np.stack(seen))


def _for_each(pages: Sequence[int], outcome: Examined) -> Examined:
    first, *further = (replace(outcome, page=page) for page in pages)
    return replace(first, further=further)


def _page(pages: Pages, number: int, views: Views) -> Examined:
    """One page, with what the one model sees of it whose domain holds its stored size."""
    decoded = pages.decode(number)
    page = Examined(
        Status.SCORED,
        format=decoded.format,
        width=decoded.width,
        height=decoded.height,
        page=decoded.page,
        frames=decoded.frames,
    )
    if (model := _judge_of(decoded, views)) is None:
        return page
    shown = views[model]
    seen = view(decoded.rgb, shown.preprocessing)
    found = None if shown.bounds is None else quality(decoded.rgb, seen, shown.preprocessing)
    doubt = see_through(decoded, shown.preprocessing)
    if doubt is None and decoded.page == 1:
        doubt = pages.damage()
    if doubt is None and shown.bounds is not None and found is not None:
        doubt = shown.bounds.doubt(found)
    return replace(page, model=model, doubt=doubt, quality=found, view=seen)


def _judge_of(decoded: Decoded, views: Views) -> int | None:
    """The place of the one that judges it: of the first model whose domain holds its size."""
    size = (decoded.width, decoded.height)
    return next((place for place, shown in enumerate(views) if size in shown.domain), None)


def _failure(error: Exception, limits: Limits) -> Examined:
    """The outcome for what a decoder raised."""
    match error:
        case NotAnImage():
            return Examined(Status.NOT_IMAGE, str(error))
        case TooManyPixels():
            return Examined(Status.OVER_LIMIT, str(error))
        case UnsupportedImage():
            return Examined(Status.UNSUPPORTED, str(error))
        case MemoryError():
            reason = f"decoding needs more memory than the limit of {limits.memory_bytes:,} bytes"
            return Examined(Status.OVER_LIMIT, reason)
    reason = f"the image is damaged or of an unknown kind: {error or type(error).__name__}"
    return Examined(Status.UNREADABLE, reason)


def _read(source: Path | Part, limits: Limits) -> bytes:
    if isinstance(source, Part):
        return _read_part(source)
    with open_readonly(source) as stream:
        if os.fstat(stream.fileno()).st_size > limits.file_bytes:
            raise TooLarge(limits.file_bytes)
        return read_limited(stream, limits.file_bytes)


def _read_part(part: Part) -> bytes:
    with open_readonly(part.path) as stream:
        facts = os.fstat(stream.fileno())
        if part.stamp not in (None, Stamp(facts.st_size, facts.st_mtime_ns)):
            raise OSError(errno.ESTALE, "the file changed while it was scanned")
        stream.seek(part.start)
        return stream.read(part.stop - part.start)
