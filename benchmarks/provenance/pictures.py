"""All pictures at hand whose making is known, as whole files with their metadata."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from trainer.data.examples import IMAGE_SUFFIXES, LABELS
from trainer.photographs.sources import read_others, read_photographs

PHOTOGRAPHS, FAKES, OTHERS = "photographs", "fakes", "no photographs"


@dataclass(frozen=True)
class Listed:
    """A picture to look at. kind: of the three. made_by: generator or camera, if that is known."""

    path: Path
    kind: str
    made_by: str


def pictures(data: Path, files: Path, folders: Sequence[Path]) -> list[Listed]:
    """Those of the manifests whose whole files are there, then those of the folders."""
    listed = [
        Listed(one.path, (PHOTOGRAPHS, FAKES)[one.label], one.made_by)
        for one in read_photographs(data, files)
        if one.whole
    ]
    listed += [Listed(one.path, OTHERS, one.made_by) for one in read_others(data, files)]
    for folder, label in product(folders, LABELS):
        for path in sorted((folder / label).rglob("*")):
            if path.suffix.lower() in IMAGE_SUFFIXES:
                kind = (PHOTOGRAPHS, FAKES)[LABELS[label]]
                listed.append(Listed(path, kind, path.relative_to(folder / label).parts[0]))
    return listed
