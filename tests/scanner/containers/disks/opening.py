"""What the tests of disk images share: the images, and all that a scan finds in one."""

from __future__ import annotations

import hashlib
import lzma
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from scanner.containers.sources import read_stretch
from scanner.limits import Limits
from scanner.processes import unheard
from scanner.sources.found import CARVED, Found, Met
from scanner.workers.streamed import beside_disk, take_hashes
from tests.scanner.walking import content, walked

IMAGES = Path(__file__).parent / "images"
SUMS = (IMAGES / "sums.txt").read_text().split()
NAMES = dict(zip(SUMS[::2], SUMS[1::2], strict=True))  # of what the images hold, by SHA-256


def image(name: str) -> bytes:
    return lzma.decompress((IMAGES / f"{name}.xz").read_bytes())


def lay_out(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).write_bytes(image(name))


def found_in(root: Path) -> dict[str, str]:
    """As `named`, of all that lies in the folder."""
    return named(walked(root))


def named(entries: Iterable[Found | Met]) -> dict[str, str]:
    """Path to name of what the images' files are made of, in members and by searching the rest."""
    found = {}
    for entry in entries:
        if not isinstance(entry, Found):
            continue
        if entry.fate is None:
            found[entry.path] = content(entry)
            continue
        gaps = beside_disk(entry.source, unheard) if entry.holds_disk else entry.gaps
        outcome = take_hashes(entry.source, entry.fate, entry.stamp, Limits(), gaps=gaps)
        for place in outcome.carved or ():
            path = f"{entry.path}{CARVED}{place.offset}.{place.suffix}"
            found[path] = read_stretch(entry.source, place.start, place.stop)
    names = {path: NAMES.get(hashlib.sha256(data).hexdigest()) for path, data in found.items()}
    return {path: name for path, name in names.items() if name is not None}


def each_once(found: dict[str, str], but: tuple[str, ...] = ("note.txt", "large.txt")) -> bool:
    """Whether no picture was found twice."""
    counted = Counter(name for name in found.values() if name not in but)
    return max(counted.values()) == 1
