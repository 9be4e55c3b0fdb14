"""What a worker does with one sound picture, part by part, as far as each can be timed alone."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from scanner.hashes.hashing import hash_bytes
from scanner.images import opacity
from scanner.images.decode import opened
from scanner.limits import Limits
from scanner.preprocess import view
from scanner.processes import unheard
from scanner.provenance.readers import gather, of_pixels
from scanner.quality import quality
from scanner.workers.examine import judge_of
from scanner.workers.examined import Views
from scanner.workers.searched import search_bytes


def time_parts(
    data: bytes, views: Views, timing: Callable[[str], AbstractContextManager[None]]
) -> None:
    """Do what `scanner.workers.examine` does with a file, each part within a `timing` of it.

    data: its bytes. views: of the scan's models; what lies in no domain is made no view of. Raises
    what decoders do.
    """
    limits = Limits()
    with timing("hash"):
        hash_bytes([data])
    with timing("decode"), opened(data, limits.pixels) as pages:
        decoded = pages.decode(1)
        pages.damage()
    model = judge_of(decoded, views)
    if model is not None:
        shown = views[model]
        with timing("view"):
            seen = view(decoded.rgb, shown.preprocessing)
        with timing("quality"):
            opacity.doubt(decoded, shown.preprocessing)
            if shown.bounds is not None:
                quality(decoded.rgb, seen, shown.preprocessing)
    with timing("hidden in pixels"):
        hidden = of_pixels(*decoded.as_stored())
    with timing("search"):
        search_bytes(data, None, limits, unheard, (0,))
    with timing("metadata"):
        gather(data, hidden)
