"""Names that lead to one place, and what lies in what, by whatever name."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


def holder(place: Path, roots: Mapping[object, T]) -> T | None:
    """Which of `roots`, by their identity, is the resolved path `place` or a folder above it."""
    above = (roots.get(identity(path)) for path in (place, *place.parents))
    return next((it for it in above if it is not None), None)


def identity(path: Path) -> object:
    """Equal for two names of one file, be it by a link or in other letters."""
    try:
        facts = path.stat()
    except OSError:  # it does not exist yet
        return resolved(path)
    return facts.st_dev, facts.st_ino


def resolved(path: Path) -> Path:
    """The path without links, as far as the system can tell; never raises."""
    try:
        return path.resolve()
    except (OSError, RuntimeError):  # a link to itself, or a disk that fails
        return path.absolute()


def is_folder(path: Path) -> bool:
    """As Path.is_dir, but never raises."""
    return os.path.isdir(path)  # noqa: PTH112
