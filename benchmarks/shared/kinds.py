"""The kinds of picture that speed is measured on, and which bundled model judges each."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from benchmarks.shared.cifake import thumbnails
from benchmarks.shared.pictures import photographs
from scanner.limits import AUTO
from scanner.model import ModelFile
from scanner.model.file import open_models

THUMBNAILS, SIDE = "32 px", 32  # CIFAKE's
MEGAPIXEL = "1 megapixel"
PHOTOGRAPHS = {MEGAPIXEL: (1152, 864), "12 megapixels": (4000, 3000)}  # made up; width, height
KINDS = (THUMBNAILS, *PHOTOGRAPHS)


def contents(kind: str, data: Path, count: int) -> Iterable[bytes]:
    """`count` distinct files of one of KINDS, the same ones each time.

    data: CIFAKE, as for the trainer, which photographs do not need. Raises DataError.
    """
    if kind == THUMBNAILS:
        return thumbnails(data, count)
    return photographs(*PHOTOGRAPHS[kind], count)


def judge(kind: str) -> ModelFile:
    """The bundled model that a scan with default settings takes for such pictures."""
    size = PHOTOGRAPHS.get(kind, (SIDE, SIDE))
    return next(model for model in open_models(AUTO) if size in model.card.domain)
