"""Any number of small files with bytes of their own, in folders and in archives, also nested ones.

One in ten is an image, as on many a disk; the others are texts. Were all of them images, scoring
would take most of the time and hide what the scan's own machinery costs.
"""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image

IMAGE_EVERY = 10
SIDE = 32  # pixels of an image, for which a bundled model is made
FILES_A_FOLDER = 250
FILES_AN_ARCHIVE = 1_000
NAMES_A_FILE = 50_000  # file systems allow some 65,000


def make_evidence(folder: Path, files: int) -> Path:
    """Write `files` small distinct files to a new folder, half of them inside archives."""
    contents = enumerate(small_files(files))
    _write_loose(folder / "folders", islice(contents, files // 2))
    archives = folder / "archives"
    archives.mkdir(parents=True)
    members = (member for _, member in contents)
    for number in range(-(-(files - files // 2) // FILES_AN_ARCHIVE)):
        write = _write_tar if number % 2 else _write_zip
        write(archives / f"{number:04}", islice(members, FILES_AN_ARCHIVE))
    return folder


def make_loose(folder: Path, files: int) -> Path:
    """Write `files` such files to folders alone."""
    _write_loose(folder, enumerate(small_files(files)))
    return folder


def make_names(folder: Path, files: int) -> Path:
    """Write `files` names of a few texts to folders, a tenth of the work of files of their own."""
    for number in range(files):
        path = folder / f"{number // FILES_A_FOLDER:04}" / f"{number:06}.txt"
        if number % FILES_A_FOLDER == 0:
            path.parent.mkdir(parents=True)
        if number % NAMES_A_FILE == 0:
            first = path
            path.write_text(f"note {number}\n")
        else:
            path.hardlink_to(first)
    return folder


def make_nested(folder: Path, files: int, depth: int) -> Path:
    """Write `files` such files to a folder, or to an archive that `depth` - 1 others hold."""
    if depth == 0:
        return make_loose(folder, files)
    folder.mkdir(parents=True)
    inner: Iterable[tuple[str, bytes]] = small_files(files)
    for level in range(depth):
        write = _write_tar if level % 2 else _write_zip
        written = write(folder / f"level-{level}", inner)
        if level < depth - 1:
            inner = [(written.name, written.read_bytes())]
            written.unlink()
    return folder


def _write_loose(folder: Path, contents: Iterable[tuple[int, tuple[str, bytes]]]) -> None:
    for number, (name, content) in contents:
        path = folder / f"{number // FILES_A_FOLDER:04}" / name
        if number % FILES_A_FOLDER == 0:
            path.parent.mkdir(parents=True)
        path.write_bytes(content)


def small_files(count: int) -> Iterator[tuple[str, bytes]]:
    """Names and contents; every IMAGE_EVERY-th is a PNG of noise, the others are texts."""
    random = np.random.default_rng(0)
    for number in range(count):
        if number % IMAGE_EVERY:
            yield f"{number:06}.txt", f"note {number} of a disk with many files\n".encode()
            continue
        pixels = random.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
        pixels[0, 0] = list(number.to_bytes(3, "big"))  # so that no two are the same
        stream = io.BytesIO()
        Image.fromarray(pixels).save(stream, "PNG")
        yield f"{number:06}.png", stream.getvalue()


def _write_zip(path: Path, members: Iterable[tuple[str, bytes]]) -> Path:
    path = path.with_suffix(".zip")
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members:
            archive.writestr(name, content)
    return path


def _write_tar(path: Path, members: Iterable[tuple[str, bytes]]) -> Path:
    path = path.with_suffix(".tar")
    with tarfile.open(path, "w") as archive:
        for name, content in members:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path
