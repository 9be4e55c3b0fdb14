"""Full-size images by source: the manifest that lists them, and the files that it means.

A folder of data holds `manifest.csv`, a row an image: label, source (a public repository), sha256
of the image's file, generator or camera, licence, and `whole`, a small cut of it that lies beside
the manifest. The files themselves are found, by their hash, in any folder that holds clones of the
repositories; where one is not had, its cut stands in.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from scanner.files import file_sha256
from trainer.data.examples import LABELS, DataError

MANIFEST = "manifest.csv"


@dataclass(frozen=True)
class Photograph:
    """An image of a source, photograph or fake. label: 1 is fake. whole: whether `path` is all of
    it, and not a small cut.
    """

    sha256: str
    label: int
    source: str
    made_by: str
    licence: str
    path: Path
    whole: bool


def read_photographs(data: Path, files: Path | None) -> list[Photograph]:
    """The images of data/manifest.csv, ordered by hash. Raises DataError.

    files: where the whole images are looked for; None for nowhere.
    """
    manifest = data / MANIFEST
    try:
        with manifest.open(encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(
            f"{manifest} cannot be read: {error}; name a folder that has one with --data."
        ) from error
    try:
        if unknown := {row["label"] for row in rows}.difference(LABELS):
            raise DataError(f"{manifest} has a label {min(unknown)!r}; it may be real or fake.")
        wanted = {row["sha256"] for row in rows}
        found = {} if files is None else files_by_hash(files, wanted)
        listed = [_photograph(row, data, found) for row in rows]
    except (KeyError, TypeError) as error:
        raise DataError(f"{manifest} is no manifest of photographs: it lacks {error}.") from error
    there = {p.sha256: p for p in listed if p.whole or p.path.is_file()}
    if {p.label for p in there.values()} != set(LABELS.values()):
        raise DataError(f"{manifest} names no images of both classes that are there.")
    return sorted(there.values(), key=lambda photograph: photograph.sha256)


def _photograph(row: dict[str, str], data: Path, found: dict[str, Path]) -> Photograph:
    whole = found.get(row["sha256"])
    return Photograph(
        row["sha256"],
        LABELS[row["label"]],
        row["source"],
        row["generator"],
        row["licence"],
        whole or data / (row["whole"] or "absent"),
        whole is not None,
    )


def files_by_hash(folder: Path, wanted: set[str]) -> dict[str, Path]:
    """Files in the folder, at any depth, whose SHA-256 is wanted. Raises DataError."""
    if not folder.is_dir():
        raise DataError(f"there is no folder {folder}; clone the manifest's repositories there.")
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    by_hash = ((file_sha256(path), path) for path in files if ".git" not in path.parts)
    return {digest: path for digest, path in by_hash if digest in wanted}


def source_sizes(photographs: Sequence[Photograph]) -> Counter[tuple[str, int]]:
    """How many images of each label a source has."""
    return Counter((photograph.source, photograph.label) for photograph in photographs)
