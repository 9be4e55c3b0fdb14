"""Perceptual hashes (PDQ) of pictures, and lists of them in which like pictures are looked up.

PDQ is Meta's open hash of 256 bits (facebook/ThreatExchange): copies of a picture that were saved
again, scaled or marked keep most of them.
"""

from __future__ import annotations

import csv
import importlib.util
import re
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from scanner.errors import ImgscanError
from scanner.files import file_sha256
from scanner.record import path_text, safe_text

BITS = 256
WORDS = BITS // 64
# Both as ThreatExchange recommends them: of the bits that may differ, and of the detail, 0 to 100,
# that a picture must have to be told from others.
MOST_DIFFERENT = 31
LEAST_QUALITY = 50
# As ThreatExchange's own program does: larger pictures are brought to this size first.
LARGEST_SIDE = 512
COLUMN = "pdq"
BLOCK = 2**16  # hashes that are compared at once, in little memory
PLAIN = re.compile(r"([0-9a-fA-F]{64})(?:[\s,;].*)?")


class SimilarError(ImgscanError):
    """Perceptual hashes cannot be taken or looked up; the sentence says why."""


@dataclass(frozen=True)
class PictureList:
    """One list. `sha256` is that of the list itself; `entries` its hashes."""

    name: str
    sha256: str
    entries: int


@dataclass(frozen=True)
class SimilarPictures:
    """All lists of a scan, one behind the other.

    hashes: WORDS x N of uint64. lines: of each list the line in it, from 1, that a hash stands in.
    """

    lists: tuple[PictureList, ...]
    hashes: NDArray[np.uint64]
    lines: NDArray[np.uint32]

    def match(self, pdq: str) -> str | None:
        """The lists with a picture like that of the hash `pdq`, each with the nearest of them.

        As "list.txt: line 17, 4 of 256 bits differ; other.txt: ...".
        """
        wanted = np.frombuffer(bytes.fromhex(pdq), np.uint64)
        found, start = [], 0
        for listed in self.lists:
            stop = start + listed.entries
            blocks = range(start, stop, BLOCK)
            nearest = min(self._nearest(wanted, at, min(at + BLOCK, stop)) for at in blocks)
            if nearest[0] <= MOST_DIFFERENT:
                line = int(self.lines[nearest[1]])
                found.append(f"{listed.name}: line {line:,}, {nearest[0]} of {BITS} bits differ")
            start = stop
        return "; ".join(found) or None

    def _nearest(self, wanted: NDArray[np.uint64], start: int, stop: int) -> tuple[int, int]:
        """In how many bits the nearest hash of a stretch differs, and its place."""
        different = np.zeros(stop - start, np.uint16)  # 256 is more than a byte holds
        for word, of_all in zip(wanted, self.hashes, strict=True):
            different += np.bitwise_count(of_all[start:stop] ^ word)
        place = int(different.argmin())
        return int(different[place]), start + place


def check_installed() -> None:
    """Raise SimilarError if the library that takes these hashes is not there."""
    if importlib.util.find_spec("pdqhash") is None:
        raise SimilarError(
            "perceptual hashes need the package pdqhash, which is not installed; get it with: "
            "pip install 'imgscan[pdq]'"
        )


def pdq_of(rgb: Image.Image) -> str | None:
    """The hash of a picture, mode RGB, as 64 hex digits; None of one with too little detail."""
    import pdqhash

    if max(rgb.size) > LARGEST_SIDE:
        size = (LARGEST_SIDE, LARGEST_SIDE)
        rgb = rgb.resize(size, Image.Resampling.BOX, reducing_gap=2.0)
    bits, quality = pdqhash.compute(np.asarray(rgb))
    if quality < LEAST_QUALITY:
        return None
    return np.packbits(np.asarray(bits, bool)).tobytes().hex()


def read_similar(files: Sequence[Path]) -> SimilarPictures:
    """Read lists of PDQ hashes.

    A list holds hashes of 64 hex digits: bare ones, one a line, followed by anything; or CSV with a
    header that names a column pdq, such as a report of imgscan's. Raises SimilarError for anything
    else.
    """
    lists, hashes, lines = [], bytearray(), array("I")
    for file in files:
        before = len(lines)
        if not file.is_file():  # a pipe would be read once for its hashes, and no more for its own
            raise SimilarError(f"{file} is no regular file, as a list of pictures must be.")
        try:
            for line, digits in _entries(file):
                hashes += bytes.fromhex(digits)
                lines.append(line)
            sha256 = file_sha256(file)
        except OSError as error:
            raise SimilarError(
                f"the list of pictures {file} cannot be used: {error.strerror or error}."
            ) from error
        except (UnicodeDecodeError, csv.Error) as error:
            raise SimilarError(
                f"{file} is no list of PDQ hashes, or is damaged: {error}."
            ) from error
        if len(lines) == before:
            raise SimilarError(f"{file} holds no PDQ hashes.")
        lists.append(PictureList(path_text(file.name), sha256, len(lines) - before))
    by_word = np.frombuffer(hashes, np.uint64).reshape(-1, WORDS).T
    return SimilarPictures(tuple(lists), np.ascontiguousarray(by_word), np.array(lines, np.uint32))


def _entries(file: Path) -> Iterator[tuple[int, str]]:
    """The list's hashes as hex digits, each with the line that it stands in."""
    from scanner.reports.read import LARGEST_CELL

    csv.field_size_limit(LARGEST_CELL)
    with file.open(encoding="utf-8-sig", newline="") as stream:
        header = next(csv.reader([stream.readline()]), [])
        names = [name.strip().lower() for name in header]
        if COLUMN in names:
            rows = csv.reader(stream, strict=True)
            for row in rows:
                if row and len(row) != len(names):
                    line = rows.line_num + 1
                    raise csv.Error(f"line {line:,} has {len(row)} cells, its header {len(names)}")
                if row and (digits := row[names.index(COLUMN)].strip()):
                    yield rows.line_num + 1, _checked(digits, file)
            return
        stream.seek(0)
        for number, text in enumerate(map(str.strip, stream), 1):
            if text and not text.startswith("#"):
                yield number, _checked(text, file)


def _checked(text: str, file: Path) -> str:
    if match := PLAIN.fullmatch(text):
        return match[1]
    raise SimilarError(f"{file} has a line without a PDQ hash: {safe_text(text[:80])}")
