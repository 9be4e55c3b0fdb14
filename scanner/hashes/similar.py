"""Perceptual hashes (PDQ) of pictures, and lists of them in which like pictures are looked up.

PDQ is Meta's open hash of 256 bits (facebook/ThreatExchange): copies of a picture that were saved
again, scaled or marked keep most of them.
"""

from __future__ import annotations

import csv
import importlib.util
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from scanner.errors import ImgscanError
from scanner.files import file_sha256
from scanner.record import path_text, safe_text
from scanner.reports.read import LARGEST_CELL

BITS = 256
WORDS = BITS // 64
# Both as ThreatExchange recommends them: of the bits that may differ, and of the detail, 0 to 100,
# that a picture must have to be told from others.
MOST_DIFFERENT = 31
LEAST_QUALITY = 50
# As ThreatExchange's own program does: larger pictures are brought to this size first.
LARGEST_SIDE = 512
COLUMN = "pdq"
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
    """All lists of a scan. hashes: of one list behind the other, N x WORDS of uint64."""

    lists: tuple[PictureList, ...]
    hashes: NDArray[np.uint64]

    def match(self, pdq: str) -> str | None:
        """The lists with a picture like that of the hash `pdq`, each with the nearest of them.

        As "list.txt: entry 17, 4 of 256 bits differ; other.txt: ...", entries counted from 1.
        """
        different = np.bitwise_count(self.hashes ^ _words(pdq)).sum(axis=1, dtype=np.uint16)
        found, start = [], 0
        for listed in self.lists:
            of_list = different[start : start + listed.entries]
            start += listed.entries
            nearest = int(of_list.argmin())
            if (bits := int(of_list[nearest])) <= MOST_DIFFERENT:
                found.append(f"{listed.name}: entry {nearest + 1:,}, {bits} of {BITS} bits differ")
        return "; ".join(found) or None


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
    lists, hashes = [], bytearray()
    for file in files:
        try:
            start = len(hashes)
            for digits in _entries(file):
                hashes += bytes.fromhex(digits)
            sha256 = file_sha256(file)
        except OSError as error:
            raise SimilarError(
                f"the list of pictures {file} cannot be used: {error.strerror or error}."
            ) from error
        except (UnicodeDecodeError, csv.Error) as error:
            raise SimilarError(f"{file} is no list of PDQ hashes: {error}.") from error
        entries = (len(hashes) - start) * 8 // BITS
        if not entries:
            raise SimilarError(f"{file} holds no PDQ hashes.")
        lists.append(PictureList(path_text(file.name), sha256, entries))
    return SimilarPictures(tuple(lists), np.frombuffer(hashes, np.uint64).reshape(-1, WORDS))


def _words(digits: str) -> NDArray[np.uint64]:
    return np.frombuffer(bytes.fromhex(digits), np.uint64)


def _entries(file: Path) -> Iterator[str]:
    """The list's hashes as hex digits, one an entry."""
    csv.field_size_limit(LARGEST_CELL)
    with file.open(encoding="utf-8-sig", newline="") as stream:
        header = next(csv.reader([stream.readline()]), [])
        names = [name.strip().lower() for name in header]
        if COLUMN in names:
            place = names.index(COLUMN)
            for row in csv.reader(stream):
                if len(row) > place and (digits := row[place].strip()):
                    yield _checked(digits, file)
            return
        stream.seek(0)
        for line in stream:
            line = line.strip()
            if line and not line.startswith("#"):
                yield _checked(line, file)


def _checked(text: str, file: Path) -> str:
    if match := PLAIN.fullmatch(text):
        return match[1]
    raise SimilarError(f"{file} has a line without a PDQ hash: {safe_text(text[:80])}")
