"""Settings that some front ends hide in the lowest bits of the pixels ("stealth" PNG info).

NovelAI writes them into the alpha channel, and extensions of other programs there or into the
colours: a mark of 15 letters, 32 bits that count those of the text, and the text, plain or packed;
down the first column of pixels, then down the next. They outlive the loss of all metadata, but no
lossy saving and no resize.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from scanner.provenance import marks
from scanner.provenance.encodings import decoded
from scanner.provenance.finding import Finding, Tag
from scanner.provenance.texts.text import Text

if TYPE_CHECKING:
    from PIL import Image

PLAIN, PACKED = b"info", b"comp"
IN_ALPHA, IN_COLOURS = b"stealth_png", b"stealth_rgb"
MARK_BYTES, LENGTH_BYTES = 15, 4
HEAD_BITS = 8 * (MARK_BYTES + LENGTH_BYTES)
NO_TEXT = "the mark of hidden settings is there, and no text that can be read"
MAX_TEXT_BYTES = 2**20  # of an unpacked text


def findings(rgb: Image.Image, alpha: Image.Image | None) -> Iterator[Finding]:
    """What such a text says, by `marks`.

    rgb: of mode RGB, neither turned nor scaled. alpha: of mode L and the same size, if any.
    """
    if alpha is not None:
        yield from _findings(alpha, IN_ALPHA)
    yield from _findings(rgb, IN_COLOURS)


def _findings(holder: Image.Image, start: bytes) -> Iterator[Finding]:
    if not _begins_with(holder, start[0]):
        return
    head = _bytes(holder, HEAD_BITS)
    kind = head[len(start) : MARK_BYTES]
    if not head.startswith(start) or kind not in (PLAIN, PACKED) or len(head) * 8 < HEAD_BITS:
        return
    bits = int.from_bytes(head[MARK_BYTES:])
    content = _bytes(holder, HEAD_BITS + bits)[len(head) :]
    if kind == PACKED:
        try:
            content = zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(content, MAX_TEXT_BYTES)
        except zlib.error:
            content = b""
    text = Text("pixels", "parameters", decoded(content[:MAX_TEXT_BYTES]))
    told = list(marks.findings(text, [text]))
    yield from told or [Finding("pixels", Tag.INFERRED, "unread", NO_TEXT)]


def _begins_with(holder: Image.Image, letter: int) -> bool:
    """Whether the first pixel allows for it, which tells nearly all pictures without a mark."""
    pixel = holder.getpixel((0, 0))
    samples = pixel if isinstance(pixel, tuple) else (pixel,)
    expected = (letter >> (7 - bit) & 1 for bit in range(len(samples)))
    return all(int(it or 0) & 1 == bit for it, bit in zip(samples, expected, strict=True))


def _bytes(holder: Image.Image, bits: int) -> bytes:
    """The first `bits` lowest bits, or all there are, in the order of columns, as whole bytes."""
    columns = min(holder.width, -(-bits // (holder.height * len(holder.getbands()))))
    samples = np.asarray(holder.crop((0, 0, columns, holder.height)))
    ordered = samples.swapaxes(0, 1).reshape(-1)[: bits // 8 * 8] & 1
    return np.packbits(ordered[: len(ordered) // 8 * 8]).tobytes()
