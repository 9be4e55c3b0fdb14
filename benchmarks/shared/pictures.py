"""Evidence of any number of distinct JPEGs, which may be made-up photographs."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image

QUALITY = 90
PICTURES = 4  # of other content; the rest repeat their pixels under another comment
CELLS = (4, 16, 64, 256)  # across, of the noise that is smoothed: shapes, objects, texture
CONTRAST = 200.0  # grey levels of the coarsest; each finer one has half
GRAIN = 4.0  # grey levels
FILES_A_FOLDER = 500


@dataclass(frozen=True)
class Evidence:
    """The same files as a folder and as a zip that stores them without compression."""

    folder: Path
    archive: Path
    files: int


def photographs(width: int, height: int, count: int) -> Iterator[bytes]:
    """`count` JPEGs whose bytes all differ, the same ones each time."""
    pictures = [_jpeg(seed, width, height) for seed in range(min(PICTURES, count))]
    for number in range(count):
        yield _commented(pictures[number % len(pictures)], f"picture {number}")


def lay_out(contents: Iterable[bytes], place: Path) -> Evidence:
    """Write `contents` to a new folder `place`, as a folder and as a zip."""
    folder, archive = place / "images", place / "images.zip"
    files = 0
    folder.mkdir(parents=True)
    with zipfile.ZipFile(archive, "w") as members:
        for files, content in enumerate(contents, 1):
            name = f"{files // FILES_A_FOLDER:03}/{files:06}.jpg"
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(content)
            members.writestr(name, content)
    return Evidence(folder, archive, files)


def first(evidence: Evidence, files: int) -> Iterator[bytes]:
    """The contents of the first files."""
    for path in islice(sorted(evidence.folder.rglob("*.jpg")), files):
        yield path.read_bytes()


def _jpeg(seed: int, width: int, height: int) -> bytes:
    """Smoothed noise of several sizes under a little grain, as JPEG."""
    random = np.random.default_rng(seed)
    pixels = random.normal(128, GRAIN, (height, width, 3)).astype(np.float32)
    for level, cells in enumerate(CELLS):
        noise = random.integers(0, 256, (cells * height // width, cells, 3), dtype=np.uint8)
        smooth = Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC)
        pixels += (np.asarray(smooth) / np.float32(255) - 0.5) * (CONTRAST / 2**level)
    stream = io.BytesIO()
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(stream, "JPEG", quality=QUALITY)
    return stream.getvalue()


def _commented(jpeg: bytes, text: str) -> bytes:
    """The same JPEG with a comment segment behind its JFIF header."""
    header = 4 + int.from_bytes(jpeg[4:6], "big")  # its length counts its own two bytes
    length = (len(text) + 2).to_bytes(2, "big")
    return jpeg[:header] + b"\xff\xfe" + length + text.encode("ascii") + jpeg[header:]
