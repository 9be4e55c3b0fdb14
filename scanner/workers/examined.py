"""What a worker finds out of one file, and what it must know of the models for that."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from scanner.carving.search import Places
from scanner.hashes.hashing import Hashes, Hashing
from scanner.model.card import Domain
from scanner.preprocess import Preprocessing
from scanner.quality import Quality, QualityBounds
from scanner.record import Origin, Status


class Shown(NamedTuple):
    """Which images a model judges, what it sees of them, and what they must be for a verdict.

    looks: of LOOKS, those by which a picture that was called fake is looked at again.
    """

    domain: Domain
    preprocessing: Preprocessing
    bounds: QualityBounds | None = None
    looks: Sequence[str] = ()


Thumbnail = bytes  # by a name that is no field's
Views = Sequence[Shown]  # of each model of the scan, in their order


@dataclass(frozen=True)
class Examined:
    """Facts of one file's bytes. `view` exists exactly when a model is to judge it.

    page: which of the file's `frames` this is, from 1. model: the place in Views of the one that is
    to judge it; None also for a sound picture that lies in no domain. doubt: why it can have no
    verdict, whatever the score; only with a view. quality: with a view, of models that bound it.
    origin and evidence: what the file says of where it comes from, and all such findings as JSON,
    also of images that could not be decoded. view: uint8,
    what the model sees of it, as `scanner.preprocess.view` makes it, or at second sight that once
    for each look. carved: where in it other pictures begin, which are to be examined. further: the
    other pages that were looked at. thumbnail and shown: of a page that was decoded, if pictures
    are wanted, a small WebP or PNG of it, and the width and height of the upright picture. pdq and
    similar: as in `Record`.
    """

    status: Status
    error: str | None = None
    sha256: str | None = None
    sha1: str | None = None
    md5: str | None = None
    known: str | None = None
    pdq: str | None = None
    similar: str | None = None
    bytes: int | None = None
    format: str | None = None
    width: int | None = None
    height: int | None = None
    page: int | None = None
    frames: int | None = None
    model: int | None = None
    doubt: str | None = None
    quality: Quality | None = None
    origin: Origin | None = None
    evidence: str | None = None
    view: NDArray[np.uint8] | None = None
    carved: Places | None = None
    further: Sequence[Examined] = ()
    thumbnail: Thumbnail | None = None
    shown: tuple[int, int] | None = None

    def __reduce__(self) -> tuple[Callable[..., Examined], tuple[object, ...]]:
        """One goes through a pipe for every file: as what was found out, in plain values."""
        found = {name: value for name, value in vars(self).items() if value is not None}
        status, view = found.pop("status"), found.pop("view", None)
        pixels = None if view is None else (view.tobytes(), view.shape)
        return _sent, (status.value, pixels, found)


def _sent(
    status: str, pixels: tuple[bytes, tuple[int, ...]] | None, found: dict[str, object]
) -> Examined:
    """As it was before it was sent; its view cannot be written to."""
    examined = Examined(Status(status))
    view = None if pixels is None else np.frombuffer(pixels[0], np.uint8).reshape(pixels[1])
    vars(examined).update(found, view=view)
    return examined


def unreadable(error: OSError) -> Examined:
    """The outcome for a file that the system does not give."""
    return Examined(Status.UNREADABLE, f"the file cannot be read: {error.strerror or error}")


def known_in(hashes: Hashes, hashing: Hashing) -> str | None:
    """The names of the hash lists that hold these bytes."""
    if hashing.known is None:
        return None
    return hashing.known.match(*filter(None, vars(hashes).values()))


def left_out(known: str | None, hashing: Hashing) -> str | None:
    """Why --skip-known leaves out what the lists named in `known` hold; None where it does not."""
    if known is None or not hashing.skip_known:
        return None
    return f"not examined, as --skip-known asks: its bytes are listed in {known}"
