"""What a scan starts from, and what lies in it, by whatever name."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path


class OverlapError(Exception):
    """Files would be met more than once; the sentence says through which roots."""


def check_roots(roots: Sequence[Path]) -> None:
    """Raise OverlapError if one of `roots` is another or lies in it.

    Records go by path: two of one name would replace each other, and would be counted as two when
    an interrupted scan looks whether all that it recorded is still there.
    """
    met: dict[object, Path] = {}
    for root in roots:
        # A second hard link to a file is evidence of its own; folders have none.
        same = met.setdefault(identity(root) if is_folder(root) else resolved(root), root)
        if same is not root:
            both = f"{root} and {same} are the same" if root != same else f"{root} is named twice"
            raise OverlapError(f"{both}, and its files would be met twice; name it once.")
    for root in roots:
        if folder := holder(resolved(root).parent, met):
            raise OverlapError(
                f"{root} lies in {folder}, and its files would be met twice; name only one of them."
            )


def holder(place: Path, roots: Mapping[object, Path]) -> Path | None:
    """Which of `roots`, by their identity, is the resolved path `place` or a folder above it."""
    above = (roots.get(identity(path)) for path in (place, *place.parents))
    return next(filter(None, above), None)


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
