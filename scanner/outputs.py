"""Where a scan may write: never inside or over its evidence, its inputs or its own other files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


class PlaceError(Exception):
    """A file that the scan writes would damage another; the sentence says which."""


def partial_path(path: Path) -> Path:
    """Where `path` is written before it appears whole under its own name."""
    return path.with_name(f".{path.name}.partial")


def check_outputs(
    outputs: Sequence[Path], evidence: Sequence[Path], inputs: Sequence[Path]
) -> None:
    """Raise PlaceError for the first of `outputs` that must not be written where it is named.

    outputs: every file that the scan writes. inputs: files it reads besides the evidence.
    """
    roots = {_identity(path): path for path in evidence}
    others = {_identity(path): path for path in inputs}
    written = set()
    for output in outputs:
        place = output.resolve()
        for folder in (place, *place.parents):
            if root := roots.get(_identity(folder)):
                raise PlaceError(f"{output} lies inside the evidence {root}; write it elsewhere.")
        identity = _identity(output)
        if other := others.get(identity):
            raise PlaceError(f"{output} would replace {other}, which the scan reads; rename it.")
        if identity in written:
            raise PlaceError(f"the scan would write two files as {output}; rename one.")
        written.add(identity)


def _identity(path: Path) -> object:
    """Equal for two names of one file, be it by a link or in other letters."""
    try:
        facts = path.stat()
    except OSError:  # it does not exist yet
        return path.resolve()
    return facts.st_dev, facts.st_ino
