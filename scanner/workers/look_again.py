"""A second look at pages that were called fake."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from scanner.containers.container import TooLarge
from scanner.containers.sources import Source
from scanner.hashes.hashing import hash_bytes
from scanner.images.decode import Pages, opened
from scanner.limits import Limits
from scanner.looks import LOOKS
from scanner.preprocess import view
from scanner.processes import Alive, unheard
from scanner.record import Status
from scanner.sources.found import Part
from scanner.workers.examine import failure, judge_of, read
from scanner.workers.examined import Examined, Views, unreadable


def look_again(
    source: Source | Part,
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
        data = source if isinstance(source, bytes) else read(source, limits)
    except TooLarge as error:
        failed = Examined(Status.OVER_LIMIT, f"larger than the limit of {error.limit:,} bytes")
        return _for_each(pages, failed)
    except OSError as error:
        return _for_each(pages, unreadable(error))
    sha256 = hash_bytes([data]).sha256
    try:
        with opened(data, limits.pixels) as found:
            looked = [_looked_at(found, page, views, limits, alive) for page in pages]
    except Exception as error:  # as in `_decode`
        return _for_each(pages, failure(error, limits))
    first, *further = (replace(page, sha256=sha256) for page in looked)
    return replace(first, further=further)


def _looked_at(pages: Pages, number: int, views: Views, limits: Limits, alive: Alive) -> Examined:
    """One page, with the views of all looks one behind the other."""
    alive()
    try:
        decoded = pages.decode(number)
        model = judge_of(decoded, views)
        if model is None:  # it has changed since
            return Examined(Status.SCORED, page=number)
        seen = []
        for look in views[model].looks:
            alive()
            seen.append(view(LOOKS[look](decoded.rgb), views[model].preprocessing))
    except Exception as error:  # as in `_pages`
        return replace(failure(error, limits), page=number)
    return Examined(Status.SCORED, page=number, model=model, view=np.stack(seen))


def _for_each(pages: Sequence[int], outcome: Examined) -> Examined:
    first, *further = (replace(outcome, page=page) for page in pages)
    return replace(first, further=further)
