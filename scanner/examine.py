"""What a worker does with one file: read once, hash, decode, make the view, gather provenance.

Of containers, and of files too large to be held in memory, it takes the hashes alone.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL.Image import DecompressionBombError

from scanner.hashing import Hashes, Hashing, hash_bytes, hash_stream
from scanner.limits import Limits
from scanner.preprocess import (
    NotAnImage,
    Preprocessing,
    TooManyPixels,
    UnsupportedImage,
    decode,
    view,
)
from scanner.provenance import gather
from scanner.record import UNEXAMINED, Status
from scanner.sources.container import Fate, TooLarge, read_limited
from scanner.sources.readonly import open_readonly


@dataclass(frozen=True)
class Examined:
    """Facts of one file's bytes. `view` (uint8, V×V×3) exists exactly when `status` is scored.

    evidence: provenance findings as JSON, also of images that could not be decoded.
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
    frames: int | None = None
    evidence: str | None = None
    view: NDArray[np.uint8] | None = None


def examine(
    source: Path | bytes,
    preprocessing: Preprocessing,
    limits: Limits,
    hashing: Hashing = Hashing(),  # noqa: B008  immutable
    fate: Fate | None = None,
    alive: Callable[[], None] = lambda: None,
) -> Examined:
    """Examine a file or a member's bytes. Never raises for what is in the bytes.

    fate: of a container, of which only the hashes are wanted. alive: called while a long hashing
    goes on.
    """
    if fate is not None:
        return _hashed(source, Examined(fate.status, fate.error), hashing, alive)
    try:
        data = source if isinstance(source, bytes) else _read(source, limits)
    except TooLarge as error:
        reason = f"larger than the limit of {error.limit:,} bytes"
        examined = _hashed(source, Examined(Status.OVER_LIMIT, reason), hashing, alive)
        if listed := _left_out(examined.known, hashing):
            return replace(examined, status=Status.KNOWN, error=listed)
        return examined
    except OSError as error:
        return _unreadable(error)
    hashes = hash_bytes([data], hashing.takes_md5)
    known = _known(hashes, hashing)
    if listed := _left_out(known, hashing):
        examined = Examined(Status.KNOWN, listed)
    else:
        examined = _decode(data, preprocessing, limits)
        examined = replace(examined, evidence=gather(data))
    return replace(examined, sha256=hashes.sha256, md5=hashes.md5, known=known, bytes=len(data))


def _hashed(
    source: Path | bytes, outcome: Examined, hashing: Hashing, alive: Callable[[], None]
) -> Examined:
    """`outcome` with the hashes of `source`, or the reason why there are none."""
    try:
        with open_readonly(source) if isinstance(source, Path) else io.BytesIO(source) as stream:
            hashes, size = hash_stream(stream, hashing.takes_md5, alive)
    except OSError as error:
        return outcome if outcome.status in UNEXAMINED else _unreadable(error)
    known = _known(hashes, hashing)
    return replace(outcome, sha256=hashes.sha256, md5=hashes.md5, known=known, bytes=size)


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


def _decode(data: bytes, preprocessing: Preprocessing, limits: Limits) -> Examined:
    if not data:
        return Examined(Status.NOT_IMAGE, "the file is empty")
    try:
        decoded = decode(data, limits.pixels)
        pixels = view(decoded.rgb, preprocessing)
    except NotAnImage as error:
        return Examined(Status.NOT_IMAGE, str(error))
    except (TooManyPixels, DecompressionBombError) as error:
        return Examined(Status.OVER_LIMIT, str(error))
    except UnsupportedImage as error:
        return Examined(Status.UNSUPPORTED, str(error))
    except MemoryError:
        reason = f"decoding needs more memory than the limit of {limits.memory_bytes:,} bytes"
        return Examined(Status.OVER_LIMIT, reason)
    except Exception as error:  # decoders raise nearly anything on broken files
        reason = f"the image is damaged or of an unknown kind: {error or type(error).__name__}"
        return Examined(Status.UNREADABLE, reason)
    return Examined(
        Status.SCORED,
        format=decoded.format,
        width=decoded.width,
        height=decoded.height,
        frames=decoded.frames,
        view=pixels,
    )


def _read(path: Path, limits: Limits) -> bytes:
    with open_readonly(path) as stream:
        if os.fstat(stream.fileno()).st_size > limits.file_bytes:
            raise TooLarge(limits.file_bytes)
        return read_limited(stream, limits.file_bytes)
