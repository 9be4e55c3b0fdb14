"""Files that are parts of one: split archives, disk images in segments, raw pieces.

A part is told by its name and by what it holds. No name alone makes a file one that is not looked
into by itself: what is an image or a container is opened, part or not.
"""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType
from typing import BinaryIO, NamedTuple

from scanner.containers import appended_zip, compressed, disk, rar, sevenzip, tar, zip
from scanner.containers.disks import ewf
from scanner.containers.registry import container_of
from scanner.files import open_readonly
from scanner.images.signatures import is_image
from scanner.kinds import encrypted, unopened
from scanner.limits import Limits
from scanner.roots import Roots
from scanner.sources.holes import mostly_holes
from scanner.sources.parts import (
    ARCHIVE,
    ARCHIVE_NUMBERED,
    DISK,
    EWF_PART,
    FILE,
    HEAD_BYTES,
    SHAPES,
    ZIP_PART,
    Parts,
    Shape,
    ends,
    looks_compressed,
)

MOST_REMEMBERED = 1_000_000  # parts of the sets that were met last
BEGINNINGS = (sevenzip.MAGIC, rar.MAGIC, b"PK\3\4", b"\x1f\x8b\x08")
# What a part may look like because of what it is a part of.
KINDS: dict[str, tuple[ModuleType, ...]] = {
    ARCHIVE: (zip, tar, compressed, sevenzip, rar, appended_zip),
    DISK: (disk,),
    FILE: (),
}


class Split(NamedTuple):
    """A file that is the part `number`, from 1, of what `parts` make up."""

    number: int
    parts: Parts


class _Set(NamedTuple):
    """Parts, and which of them each path is, from 1."""

    parts: Parts
    numbers: dict[Path, int]


class Splits:
    """Which files of a walk are parts of one.

    roots: what is walked. Files among them are evidence, and what lies beside them is not.
    """

    def __init__(self, limits: Limits, roots: Roots) -> None:
        self._limits = limits
        self._roots = roots
        self._sets: dict[tuple[object, ...], _Set | None] = {}
        self._remembered = 0

    def of(self, path: Path, stream: BinaryIO) -> Split | None:
        """What the file at `path`, which `stream` reads, is a part of, if it is one. Rewinds."""
        name = path.name
        shapes = [(it, found) for it in SHAPES if (found := it.pattern.fullmatch(name))]
        if not shapes:
            return None
        head = stream.read(HEAD_BYTES)
        stream.seek(0)
        for shape, found in shapes:
            if not head.startswith(shape.magic):
                continue
            its = {name: text for name, text in found.groupdict().items() if name != "number"}
            key = path.parent, shape.find, *its.values()
            known = self._known(key, shape, path, found)
            if known is None:
                continue
            parts, numbers = known
            is_whole = parts.missing is None
            number = numbers.get(path) if is_whole else shape.number(path, found, head)
            if not number:
                continue
            # One that is something by itself is read as that; what the set is says its owner.
            if not (is_whole and path == parts.owner) and _is_own(stream, number, parts, shape):
                return None
            if not self._is_evidence(parts.owner, path):
                return Split(number, Parts(parts.kind, (), parts.owner, 1))
            return Split(number, parts)
        return None

    def _known(
        self, key: tuple[object, ...], shape: Shape, path: Path, found: re.Match[str]
    ) -> _Set | None:
        if key not in self._sets:
            parts = self._found(shape, path, found)
            numbers = {it: number for number, it in enumerate(parts.found if parts else (), 1)}
            self._sets[key] = None if parts is None else _Set(parts, numbers)
            self._remembered += 1 + len(numbers)
            while self._remembered > MOST_REMEMBERED and len(self._sets) > 1:
                oldest = self._sets.pop(next(iter(self._sets)))
                self._remembered -= 1 + (len(oldest.numbers) if oldest else 0)
        return self._sets[key]

    def _found(self, shape: Shape, path: Path, found: re.Match[str]) -> Parts | None:
        """The set, if each of its parts can be read: one that cannot has a row that says so."""
        try:
            parts = shape.find(path, found)
            for part in parts.found if parts else ():
                with open_readonly(part) as stream:
                    if mostly_holes(stream, self._limits):
                        return None
        except OSError:
            return None
        return parts

    def _is_evidence(self, owner: Path, path: Path) -> bool:
        """Whether the owner is met by the walk as the file at `path` is."""
        return not self._roots.is_file(str(path)) or self._roots.is_file(str(owner))


def number_inside(path: str, data: bytes) -> int:
    """Which part of a split archive a member is that lies at `path` in another, 0 where of none."""
    name = path.rpartition("/")[2]
    is_named = any(shape.fullmatch(name) for shape in (ARCHIVE_NUMBERED, ZIP_PART, EWF_PART))
    if not is_named or is_image(data):
        return 0
    is_dense = looks_compressed(data[:HEAD_BYTES])
    if ARCHIVE_NUMBERED.fullmatch(name):
        number = int(name.rpartition(".")[2])
        if number == 1:
            return 0 if ends(data, data, len(data)) is not False else 1
        return number if is_dense and not data.startswith(BEGINNINGS) else 0
    found = ZIP_PART.fullmatch(name)
    if found and (data.startswith(b"PK") or is_dense):
        return int(found["number"])
    number = ewf.segment(data) if EWF_PART.fullmatch(name) else 0
    return 0 if number == 1 and not ewf.is_followed(data) else number


def _is_own(stream: BinaryIO, number: int, parts: Parts, shape: Shape) -> bool:
    """Whether a part is an image, a container or of another kind by itself. Rewinds.

    A volume may look like its set's kind, and the first of pieces like what they are pieces of.
    """
    head = stream.read(HEAD_BYTES)
    stream.seek(0)
    if is_image(head):
        return True
    is_piece = number > 1 and parts.kind != DISK
    if is_piece and (encrypted.name(head) or unopened.name(head, b"")):
        return True
    kind, _ = container_of(stream)
    alike = (appended_zip, *shape.kinds) if is_piece else KINDS[parts.kind]
    return kind not in (None, *alike)
