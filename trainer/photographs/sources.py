"""Full-size images by source: the manifest that lists them, and the files that it means.

A manifest has a row an image: label, source (a public repository, OWNER/NAME), commit and path in
it, sha256 of the image's file, generator or camera, licence, `kind` (what it shows, or empty),
`group`, which sources of one kind share (sites by one site builder, whose pictures one generator
made) and which is empty for a source by itself, and `whole`, a small cut of it that lies beside the
manifest, if there is one. The files themselves are found, by their hash, in any folder that holds
them; where one is not had, its cut stands in.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from scanner.files import file_sha256
from trainer.data.examples import LABELS, DataError

MANIFEST = "manifest.csv"
OTHERS = "others.csv"  # beside it: pictures that are no photographs, as a manifest
KINDS = ("photo", "portrait")  # what is, or passes for, a photograph
SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Listed:
    """A row of a manifest. label: 1 is fake. cut: a file's name, or empty."""

    sha256: str
    label: int
    source: str
    commit: str
    path: str
    made_by: str
    licence: str
    kind: str
    group: str
    cut: str


@dataclass(frozen=True)
class Photograph:
    """An image of a source, photograph or fake. label: 1 is fake. kind: what it shows, if that was
    noted. group: of sources that are alike, or the source itself. whole: whether `path` is all of
    it, and not a small cut.
    """

    sha256: str
    label: int
    source: str
    group: str
    made_by: str
    licence: str
    path: Path
    whole: bool
    kind: str = ""


def read_manifest(manifest: Path) -> list[Listed]:
    """Its rows, in their order. Raises DataError."""
    try:
        with manifest.open(encoding="utf-8", newline="") as stream:
            listed = [_listed(row, manifest) for row in csv.DictReader(stream, restval="")]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(
            f"{manifest} cannot be read as a manifest: {error}; there are some in "
            "results/photographs."
        ) from error
    except KeyError as error:
        raise DataError(f"{manifest} is no manifest of photographs: it lacks {error}.") from error
    if not listed:
        raise DataError(f"{manifest} names no images; there is a manifest in results/photographs.")
    return listed


def _listed(row: dict[str, str], manifest: Path) -> Listed:
    if (label := row["label"]) not in LABELS:
        raise DataError(f"{manifest} has a label {label!r}; it may be real or fake.")
    if not SHA256.fullmatch(row["sha256"]):
        raise DataError(f"{manifest} has {row['sha256']!r} where a SHA-256 belongs; mend it.")
    return Listed(
        row["sha256"],
        LABELS[label],
        row["source"],
        row["commit"],
        row["path"],
        row["generator"],
        row["licence"],
        row.get("kind", ""),
        row.get("group") or row["source"],
        row["whole"],
    )


def read_photographs(data: Path, files: Path | None) -> list[Photograph]:
    """The images of data/manifest.csv, ordered by hash. Raises DataError.

    files: where the whole images are looked for; None for nowhere.
    """
    manifest = data / MANIFEST
    found = _read(manifest, files)
    if {photograph.label for photograph in found} != set(LABELS.values()):
        raise DataError(
            f"of the images that {manifest} names, there are not some of both classes; fetch them "
            "with python -m trainer.collect, and name their folder with --files."
        )
    return found


def read_others(data: Path, files: Path | None) -> list[Photograph]:
    """The pictures of data/others.csv, as `read_photographs` reads its images. Raises DataError."""
    manifest = data / OTHERS
    if not (found := _read(manifest, files)):
        raise DataError(
            f"none of the pictures that {manifest} names is there; fetch them with python -m "
            "trainer.collect, and name their folder with --files."
        )
    return found


def _read(manifest: Path, files: Path | None) -> list[Photograph]:
    listed = read_manifest(manifest)
    found = {} if files is None else files_by_hash(files, {image.sha256 for image in listed})
    photographs = (_photograph(image, manifest.parent, found) for image in listed)
    there = {p.sha256: p for p in photographs if p.whole or p.path.is_file()}
    return sorted(there.values(), key=lambda photograph: photograph.sha256)


def _photograph(image: Listed, data: Path, found: dict[str, Path]) -> Photograph:
    whole = found.get(image.sha256)
    return Photograph(
        image.sha256,
        image.label,
        image.source,
        image.group,
        image.made_by,
        image.licence,
        whole or data / (image.cut or "absent"),
        whole is not None,
        image.kind,
    )


def files_by_hash(folder: Path, wanted: set[str]) -> dict[str, Path]:
    """Files in the folder, at any depth, whose SHA-256 is wanted. Raises DataError."""
    if not folder.is_dir():
        raise DataError(f"there is no folder {folder}; python -m trainer.collect makes one.")
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    by_hash = ((file_sha256(path), path) for path in files if ".git" not in path.parts)
    return {digest: path for digest, path in by_hash if digest in wanted}


def source_sizes(photographs: Sequence[Photograph]) -> Counter[tuple[str, int]]:
    """How many images of each label a source has."""
    return Counter((photograph.source, photograph.label) for photograph in photographs)
