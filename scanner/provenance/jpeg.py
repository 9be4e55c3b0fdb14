"""The quality a JPEG was saved at, estimated from its quantisation tables; a missing end."""

from __future__ import annotations

import io
from collections.abc import Iterator
from functools import cache, lru_cache

import numpy as np

from scanner.images.jpeg_end import lacks_end
from scanner.provenance.finding import Finding, Tag
from scanner.provenance.metadata import Metadata, read

Tables = tuple[tuple[int, ...], ...]


def findings(data: bytes, metadata: Metadata) -> Iterator[Finding]:
    """Exact for encoders that scale the standard's tables (libjpeg), a guess for all others.

    Cameras and Photoshop have tables of their own, so `custom` is no sign of a fake, nor is
    `standard` one of a photograph.
    """
    quality = _quality(metadata.quantisation)
    if quality:
        yield Finding("jpeg", Tag.INFERRED, "quality", quality)
    if lacks_end(data):
        yield Finding("jpeg", Tag.INFERRED, "end_marker", "missing: the file is damaged there")


@lru_cache(maxsize=256)  # most files of a collection share a few tables
def _quality(segments: tuple[bytes, ...]) -> str | None:
    tables = _tables(segments)
    if not tables:
        return None
    standard = _standard()
    for quality, known in standard.items():
        if tables == known[: len(tables)]:
            return f"{quality} (standard tables)"
    luminance = sum(tables[0])
    near = min(standard, key=lambda quality: abs(sum(standard[quality][0]) - luminance))
    return f"about {near} (custom tables)"


@cache
def _standard() -> dict[int, Tables]:
    """The tables libjpeg writes at every quality, best first, so that ties name the best.

    At 50 they are the standard's own, which it scales for the others.
    """
    from PIL import Image

    stream = io.BytesIO()
    Image.new("RGB", (1, 1)).save(stream, "JPEG", quality=50)
    own = _tables(read(stream.getvalue()).quantisation)
    qualities = np.arange(100, 0, -1)
    percent = np.where(qualities < 50, 5000 // qualities, 200 - 2 * qualities)
    scaled = (np.array(own) * percent[:, None, None] + 50) // 100
    steps = np.clip(scaled, 1, 255).tolist()
    return {
        quality: tuple(map(tuple, tables))
        for quality, tables in zip(qualities.tolist(), steps, strict=True)
    }


def _tables(segments: tuple[bytes, ...]) -> Tables:
    """The tables by their numbers, each of 64 steps in zigzag order."""
    tables: dict[int, tuple[int, ...]] = {}
    for segment in segments:
        while segment:
            wide, number = segment[0] >> 4, segment[0] & 15
            size = 128 if wide else 64
            steps, segment = segment[1 : 1 + size], segment[1 + size :]
            if len(steps) == size:
                pairs = zip(steps[::2], steps[1::2], strict=True)
                tables[number] = tuple(a << 8 | b for a, b in pairs) if wide else tuple(steps)
    return tuple(tables[number] for number in sorted(tables))
