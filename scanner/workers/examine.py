"""What a worker does with one file: read once, hash, decode, make the views, gather provenance.

What no decoder accounts for it searches for pictures; so it does with what no member of a container
takes, and with files too large to be held in memory, while it takes their hashes. A page that was
called fake it is asked to look at again.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from scanner.carving.coded import PLAIN, decode
from scanner.carving.gaps import Gaps
from scanner.carving.search import MOST_CODED
from scanner.containers.container import TooLarge, read_limited
from scanner.containers.sources import Joined, Source, in_memory, open_source, read_stretch
from scanner.hashes.hashing import Hashing, hash_bytes
from scanner.hashes.similar import pdq_of
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
from scanner.images.thumbnail import thumbnail
from scanner.kinds import kind_of
from scanner.limits import Limits
from scanner.preprocess import view
from scanner.processes import Alive, unheard
from scanner.provenance.finding import Finding
from scanner.provenance.readers import Provenance, gather, of_pixels
from scanner.quality import quality
from scanner.record import Status
from scanner.sources.found import Part, stamp_of
from scanner.workers import searched
from scanner.workers.examined import Examined, Shown, Views, known_in, left_out, unreadable
from scanner.workers.streamed import examine_large

SAMPLED_FRAMES, SAMPLED_FROM = 4, 100
TURNED_BACK = 2**22  # pixels: larger ones bear no watermark that is read, and take long to turn


class Wanted(NamedTuple):
    """What is wanted of the pages of an image, besides whether they can be decoded.

    hidden: takes what is found in the pixels of the first. pictures: whether thumbnails are wanted.
    likeness: if perceptual hashes are, and in which lists to look them up.
    """

    views: Views
    alive: Alive
    hidden: list[Finding]
    pictures: bool
    likeness: Hashing | None


def examine(
    source: Source | Part,
    views: Views,
    limits: Limits,
    hashing: Hashing = Hashing(),  # noqa: B008  immutable
    alive: Alive = unheard,
    carve: bool = True,
    gaps: Gaps | None = None,
    trust_anchors: str = "",
    pictures: bool = False,
) -> Examined:
    """Examine a file, a member's bytes or a part. Never raises for what is in the bytes.

    alive: called between the pages of an image, before what takes long of them, and while bytes are
    searched or, of a file too large for more, hashed. carve: whether to search for pictures, and in
    which gaps. trust_anchors: certificates of those whose C2PA signatures are trusted, as PEM.
    pictures: whether thumbnails are wanted.
    """
    try:
        data = source if isinstance(source, bytes) else read(source, limits)
    except TooLarge as error:
        if isinstance(source, Path | Joined):
            return examine_large(source, limits, hashing, alive, carve)
        why = f"the picture is larger than the limit of {error.limit:,} bytes"
        return Examined(Status.OVER_LIMIT, why)
    except OSError as error:
        return unreadable(error)
    hashes = hash_bytes([data], hashing.weak)
    known = known_in(hashes, hashing)
    provenance, carved = Provenance(), dict[str, Any]()
    if listed := left_out(known, hashing):
        outcomes = [Examined(Status.KNOWN, listed)]
    else:
        hidden: list[Finding] = []
        likeness = hashing if hashing.takes_pdq else None
        wanted = Wanted(views, alive, hidden, pictures, likeness)
        outcomes, others = _decode(data, limits, wanted)
        carved, findings = _carve(data, outcomes[0], others, limits, alive, carve, gaps)
        alive()  # metadata has a time of its own
        provenance = gather(data, [*hidden, *findings], trust_anchors)
    facts: dict[str, Any] = {**vars(hashes), "known": known}
    facts |= {"bytes": len(data), **provenance._asdict()}
    first, *further = outcomes
    pages = tuple(replace(outcome, **facts) for outcome in further)
    return replace(first, **{**facts, "further": pages, **carved})


def _carve(
    data: bytes,
    first: Examined,
    others: Sequence[int],
    limits: Limits,
    alive: Alive,
    wanted: bool,
    gaps: Gaps | None,
) -> tuple[dict[str, Any], Sequence[Finding]]:
    """What the search for pictures makes of fields of `first`, and what else it finds.

    It looks at what no decoder accounts for. others: where the further pictures of a file begin
    that was decoded.
    """
    search = None
    if wanted and data:
        decoded = () if first.format is None else (0, *others)
        search = searched.search_bytes(data, gaps, limits, alive, decoded)
    if data and (first.status is Status.NOT_IMAGE or _is_mistaken(data, first)):
        status, why = searched.outcome(searched.ends_of(data), search)
        places = search.places if search else None
        return {"status": status, "error": why, "carved": places}, ()
    if search is None:
        return {}, ()
    if first.status is Status.UNSUPPORTED and first.format is None:
        why = f"{first.error}{searched.told(search)}"
        return {"error": why, "carved": search.places}, ()
    places, findings = searched.behind_image(data, search)
    # What is known of bytes must not depend on where they lie, as gaps do.
    return {"carved": places}, findings if gaps is None else ()


def _is_mistaken(data: bytes, first: Examined) -> bool:
    """Whether a decoder failed on what only passed for its format, which has no mark of its own."""
    if first.status is not Status.UNREADABLE or first.format is not None or is_image(data):
        return False
    return kind_of(*searched.ends_of(data)).status is not None


def _decode(data: bytes, limits: Limits, wanted: Wanted) -> tuple[list[Examined], Sequence[int]]:
    """The pages that are looked at; a single outcome where the file cannot even be opened.

    With where pages begin that are files of their own behind the first.
    """
    if not data:
        return [Examined(Status.NOT_IMAGE, "the file is empty")], ()
    try:
        with opened(data, limits.pixels) as pages:
            if pages.frames == 1:
                return [_page(pages, 1, wanted)], pages.others
            return _pages(pages, limits, wanted), pages.others
    except Exception as error:  # decoders raise nearly anything on broken files
        return [failure(error, limits)], ()


def _pages(pages: Pages, limits: Limits, wanted: Wanted) -> list[Examined]:
    looked_at = []
    for number in sample(pages.format, pages.frames, limits.pages):
        wanted.alive()
        try:
            looked_at.append(_page(pages, number, wanted))
        except Exception as error:  # the other pages may be sound
            failed = replace(failure(error, limits), page=number, frames=pages.frames)
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


def _page(pages: Pages, number: int, wanted: Wanted) -> Examined:
    """One page, with what is wanted of its pixels."""
    decoded = pages.decode(number)
    page = _seen(pages, decoded, wanted.views, wanted.hidden)
    if wanted.likeness is not None:
        wanted.alive()  # it has a time of its own
        pdq = pdq_of(decoded.rgb)
        lists = wanted.likeness.similar
        page = replace(page, pdq=pdq, similar=lists.match(pdq) if pdq and lists else None)
    if wanted.pictures:
        wanted.alive()  # and so has this
        page = replace(page, thumbnail=_thumbnail(decoded.rgb), shown=decoded.rgb.size)
    return page


def _thumbnail(rgb: Image.Image) -> bytes | None:
    """Whatever there is to see of a page must not decide what becomes of it."""
    try:
        return thumbnail(rgb)
    except Exception:  # MemoryError too
        return None


def _seen(pages: Pages, decoded: Decoded, views: Views, hidden: list[Finding]) -> Examined:
    """A page, with what the one model sees of it whose domain holds its stored size."""
    pixels = decoded.width * decoded.height
    if decoded.page == 1 and (decoded.turn is None or pixels <= TURNED_BACK):
        hidden += of_pixels(*decoded.as_stored())
    model = judge_of(decoded, views)
    judged = {} if model is None else _judged_by(views[model], pages, decoded)
    return Examined(
        Status.SCORED,
        format=decoded.format,
        width=decoded.width,
        height=decoded.height,
        page=decoded.page,
        frames=decoded.frames,
        model=model,
        **judged,
    )


def _judged_by(shown: Shown, pages: Pages, decoded: Decoded) -> dict[str, Any]:
    """What the model sees of a page, and what stands against a verdict, as `Examined` has them."""
    seen = view(decoded.rgb, shown.preprocessing)
    found = None if shown.bounds is None else quality(decoded.rgb, seen, shown.preprocessing)
    doubt = see_through(decoded, shown.preprocessing)
    if doubt is None and decoded.page == 1:
        doubt = pages.damage()
    if doubt is None and shown.bounds is not None and found is not None:
        doubt = shown.bounds.doubt(found)
    return {"doubt": doubt, "quality": found, "view": seen}


def judge_of(decoded: Decoded, views: Views) -> int | None:
    """The place of the one that judges it: of the first model whose domain holds its size."""
    size = (decoded.width, decoded.height)
    return next((place for place, shown in enumerate(views) if size in shown.domain), None)


def failure(error: Exception, limits: Limits) -> Examined:
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


def read(source: Source | Part, limits: Limits) -> bytes:
    """Raises OSError, and TooLarge for what is not to be held in memory."""
    if isinstance(source, Part):
        return _read_part(source, limits)
    with open_source(source) as stream:
        if stream.seek(0, os.SEEK_END) > limits.file_bytes:
            raise TooLarge(limits.file_bytes)
        stream.seek(0)
        return read_limited(stream, limits.file_bytes)


def _read_part(part: Part, limits: Limits) -> bytes:
    most = min(MOST_CODED, limits.file_bytes)
    stop = part.stop if part.coding == PLAIN else min(part.stop, part.start + most + 1)
    if isinstance(part.source, Part):
        data = _read_part(part.source, limits)[part.start : stop]
    elif in_memory(part.source) is not None or part.stamp in (None, stamp_of(part.source)):
        data = read_stretch(part.source, part.start, stop)
    else:
        raise OSError(errno.ESTALE, "the file changed while it was scanned")
    return decode(part.coding, data, most) if part.coding != PLAIN else data
