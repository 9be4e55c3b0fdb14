"""Files that are parts of one: split archives, disk images in segments, raw pieces.

A part is told by its name and by what it holds; no name alone makes a file one that is not looked
into by itself.
"""

from __future__ import annotations

import os
import re
import stat
import string
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from typing import BinaryIO, NamedTuple

from scanner.containers import rar, sevenzip
from scanner.containers.disks import vmdk
from scanner.containers.disks.virtual import ENCASE
from scanner.containers.zip import END_RECORD, END_RECORD_BYTES, LONGEST_COMMENT
from scanner.files import file_facts, open_readonly
from scanner.images.signatures import is_image

ARCHIVE, DISK, FILE = "a split archive", "a disk image in segments", "a split file"
ARCHIVES = "7z|zip|rar|tar|tgz|gz|bz2|xz|zst"
NUMBERED = re.compile(r"(?P<stem>.+)\.(?P<number>\d{3,4})")
ARCHIVE_NUMBERED = re.compile(rf".+\.(?:{ARCHIVES})\.\d{{3,4}}", re.IGNORECASE)
ZIP_PART = re.compile(r"(?P<stem>.+)\.(?P<letter>z)(?P<number>\d\d+)", re.IGNORECASE)
ZIP_LAST = re.compile(r"(?P<stem>.+)\.zip", re.IGNORECASE)
RAR_PART = re.compile(r"(?P<stem>.+\.part)(?P<number>\d+)(?P<end>\.rar)", re.IGNORECASE)
RAR_OLD = re.compile(r"(?P<stem>.+)\.(?P<letter>[r-z])(?P<number>\d\d)", re.IGNORECASE)
RAR_FIRST = re.compile(r"(?P<stem>.+)\.rar", re.IGNORECASE)
ENCASE_PART = re.compile(r"(?P<stem>.+)\.(?P<letter>[es])(?P<number>\d\d|[a-z]{2})", re.IGNORECASE)
VMDK = re.compile(r"(?P<stem>.+?)(?:-(?:[fs]\d{3,6}|flat|delta))?(?P<end>\.vmdk)", re.IGNORECASE)
MOST_PARTS = 20_000
NUMBERS_AHEAD = 16  # behind a missing one that are looked for
NEXT_SEGMENT = b"next\0"  # begins the last section of a segment that another follows
MOST_REMEMBERED = 64  # sets of parts
HEAD_BYTES, RAR_END_BYTES, ENCASE_SECTION_BYTES = 4096, 24, 76
ZIP64 = 0xFFFF  # stands where another record has the number


@dataclass(frozen=True)
class Parts:
    """What is made up of several files.

    kind: what that is. found: those that lie side by side, in order. owner: the one that they go
    by. missing: the number, from 1, of one that does not lie there. is_joined: whether they make up
    the whole when they are read one behind the other.
    """

    kind: str
    found: tuple[Path, ...]
    owner: Path
    missing: int | None = None
    is_joined: bool = True


class Split(NamedTuple):
    """A file that is the part `number`, from 1, of what `parts` make up."""

    number: int
    parts: Parts


class Splits:
    """Which files of a walk are parts of one. It remembers the last sets that it met."""

    def __init__(self) -> None:
        self._sets: dict[tuple[object, ...], Parts | None] = {}

    def of(self, path: Path, stream: BinaryIO) -> Split | None:
        """What the file at `path`, which `stream` reads, is a part of, if it is one. Rewinds.

        Raises OSError for what cannot be read, of this file or of one beside it.
        """
        shapes = [(it, found) for it in SHAPES if (found := it.pattern.fullmatch(path.name))]
        if not shapes:
            return None
        head = stream.read(HEAD_BYTES)
        stream.seek(0)
        for shape, found in shapes:
            if not head.startswith(shape.magic):
                continue
            its = {name: text for name, text in found.groupdict().items() if name != "number"}
            key = path.parent, shape.pattern, *its.values()
            if key not in self._sets:
                if len(self._sets) == MOST_REMEMBERED:
                    self._sets.pop(next(iter(self._sets)))
                self._sets[key] = shape.find(path, found)
            parts = self._sets[key]
            if parts is None or (parts.missing is None and path not in parts.found):
                continue
            number = shape.number(path, found, head, parts)
            # Whatever its name, one that is an image is that.
            if number and (path in parts.found[:1] or not is_image(head)):
                return Split(number, parts)
        return None


def number_inside(path: str, data: bytes) -> int:
    """Which part of a split archive a member is that lies at `path` in another, 0 where of none."""
    name = path.rpartition("/")[2]
    if is_image(data):
        return 0
    if ARCHIVE_NUMBERED.fullmatch(name):
        number = int(name.rpartition(".")[2])
        return 0 if number == 1 and _ends(data, data, len(data)) else number
    found = ZIP_PART.fullmatch(name)
    if found and (data.startswith(b"PK") or _looks_compressed(data[:HEAD_BYTES])):
        return int(found["number"])
    if data.startswith(ENCASE) and ENCASE_PART.fullmatch(name):
        number = int.from_bytes(data[9:11], "little")
        is_last = not data[-ENCASE_SECTION_BYTES:].startswith(NEXT_SEGMENT)
        return 0 if number == 1 and is_last else number
    return 0


def _numbered(path: Path, found: re.Match[str]) -> Parts | None:
    """NAME.001, NAME.002 and so on: pieces of any file."""
    width = len(found["number"])
    names = (f"{found['stem']}.{number:0{width}}" for number in count(1))
    parts = _side_by_side(path, names)
    further = any(_beside(path, name) for name in islice(names, NUMBERS_AHEAD))
    is_archive = ARCHIVE_NUMBERED.fullmatch(path.name) is not None
    # Scanned pages are numbered like this as well.
    if not (is_archive or further or len(parts) > 1) or any(map(_is_image, parts[1:])):
        return None
    kind = ARCHIVE if is_archive else FILE
    if not parts:
        return Parts(kind, parts, path, missing=1)
    size = sum(file_facts(part).st_size for part in parts)
    tail = _tail(parts[-1], END_RECORD_BYTES + LONGEST_COMMENT)
    ends = _ends(_head(parts[0], HEAD_BYTES), tail, size)
    if ends and len(parts) == 1:
        return None
    is_whole = not further if ends is None else ends
    return Parts(kind, parts, parts[0], None if is_whole else len(parts) + 1)


def _zip(path: Path, found: re.Match[str]) -> Parts | None:
    """NAME.z01, NAME.z02 and so on, and NAME.zip as the last."""
    upper = path.suffix[1].isupper()
    names = (f"{found['stem']}.{'Z' if upper else 'z'}{number:02}" for number in count(1))
    parts = _side_by_side(path, names)
    last = _beside(path, f"{found['stem']}.{'ZIP' if upper else 'zip'}")
    preceding = None if last is None else _zips_ahead(last)
    if last is None or preceding is None:
        is_part = parts or _looks_compressed(_head(path, HEAD_BYTES))
        return Parts(ARCHIVE, parts, path, len(parts) + 1) if is_part else None
    if preceding == 0:  # it is an archive of its own
        return None
    missing = len(parts) + 1 if len(parts) < preceding else None
    return Parts(ARCHIVE, (*parts[:preceding], last), last, missing)


def _rar(path: Path, found: re.Match[str]) -> Parts | None:
    """NAME.part1.rar, NAME.part2.rar and so on."""
    width = len(found["number"])
    names = (f"{found['stem']}{it:0{width}}{found['end']}" for it in count(1))
    return _volumes(path, _side_by_side(path, names))


def _old_rar(path: Path, found: re.Match[str]) -> Parts | None:
    """NAME.rar, NAME.r00, NAME.r01 and so on."""
    return _volumes(path, _side_by_side(path, _old_names(path, found["stem"])))


def _volumes(path: Path, parts: tuple[Path, ...]) -> Parts | None:
    if parts and len(parts) == 1 and not _rar_goes_on(parts[0]):
        return None
    missing = None if parts and not _rar_goes_on(parts[-1]) else len(parts) + 1
    return Parts(ARCHIVE, parts, parts[0] if parts else path, missing, is_joined=False)


def _encase(path: Path, found: re.Match[str]) -> Parts | None:
    """NAME.E01 to NAME.E99, then NAME.EAA and so on."""
    names = (f"{found['stem']}.{it}" for it in _encase_names(found["letter"]))
    parts = _side_by_side(path, names)
    if len(parts) == 1 and not _encase_goes_on(parts[0]):
        return None
    missing = None if parts and not _encase_goes_on(parts[-1]) else len(parts) + 1
    return Parts(DISK, parts, parts[0] if parts else path, missing)


def _vmdk(path: Path, found: re.Match[str]) -> Parts | None:
    """NAME.vmdk, which names NAME-s001.vmdk or NAME-flat.vmdk as what it describes."""
    owner = _beside(path, f"{found['stem']}{found['end']}")
    if owner is None:
        return None
    names = vmdk.names(_head(owner, vmdk.LONGEST_DESCRIPTOR))
    places = [_beside(owner, name) for name in names]
    present = (owner, *(place for place in places if place is not None))
    missing = None if None not in places else places.index(None) + 2
    return Parts(DISK, present, owner, missing) if names else None


def _as_written(path: Path, found: re.Match[str], head: bytes, parts: Parts) -> int:
    return int(found["number"])


def _last(path: Path, found: re.Match[str], head: bytes, parts: Parts) -> int:
    preceding = _zips_ahead(path)
    return preceding + 1 if preceding else 0


def _in_zip(path: Path, found: re.Match[str], head: bytes, parts: Parts) -> int:
    number = int(found["number"])
    return number if parts.missing or path in parts.found else 0


def _first(path: Path, found: re.Match[str], head: bytes, parts: Parts) -> int:
    return 1


def _in_old_rar(path: Path, found: re.Match[str], head: bytes, parts: Parts) -> int:
    letter = path.suffix[1].lower()
    return (ord(letter) - ord("r")) * 100 + int(found["number"]) + 2


def _in_encase(path: Path, found: re.Match[str], head: bytes, parts: Parts) -> int:
    return int.from_bytes(head[9:11], "little")


def _in_vmdk(path: Path, found: re.Match[str], head: bytes, parts: Parts) -> int:
    if path == parts.owner:
        return 1
    names = vmdk.names(_head(parts.owner, vmdk.LONGEST_DESCRIPTOR))
    return names.index(path.name) + 2 if path.name in names else 0


class _Shape(NamedTuple):
    """How names of parts look, and what each begins with. number: 0 for what is none of them."""

    pattern: re.Pattern[str]
    magic: bytes
    find: Callable[[Path, re.Match[str]], Parts | None]
    number: Callable[[Path, re.Match[str], bytes, Parts], int]


SHAPES: Sequence[_Shape] = (
    _Shape(NUMBERED, b"", _numbered, _as_written),
    _Shape(ZIP_PART, b"", _zip, _in_zip),
    _Shape(ZIP_LAST, b"", _zip, _last),
    _Shape(RAR_PART, rar.MAGIC, _rar, _as_written),
    _Shape(RAR_FIRST, rar.MAGIC, _old_rar, _first),
    _Shape(RAR_OLD, rar.MAGIC, _old_rar, _in_old_rar),
    _Shape(ENCASE_PART, ENCASE, _encase, _in_encase),
    _Shape(VMDK, b"", _vmdk, _in_vmdk),
)


def _side_by_side(path: Path, names: Iterator[str]) -> tuple[Path, ...]:
    """Those of the files called `names` that lie beside `path`, up to the first that does not."""
    parts = []
    for name in islice(names, MOST_PARTS):
        if (place := _beside(path, name)) is None:
            break
        parts.append(place)
    return tuple(parts)


def _beside(path: Path, name: str) -> Path | None:
    """The regular file of that name in the folder of `path`."""
    if Path(name).name != name:
        return None
    place = path.with_name(name)
    try:
        return place if stat.S_ISREG(place.lstat().st_mode) else None
    except (OSError, ValueError):
        return None


def _old_names(path: Path, stem: str) -> Iterator[str]:
    upper = path.suffix[1].isupper()
    letters = string.ascii_uppercase if upper else string.ascii_lowercase
    yield f"{stem}.{'RAR' if upper else 'rar'}"
    rest = letters[letters.lower().index("r") :]
    yield from (f"{stem}.{letter}{number:02}" for letter in rest for number in range(100))


def _encase_names(letter: str) -> Iterator[str]:
    yield from (f"{letter}{number:02}" for number in range(1, 100))
    letters = string.ascii_uppercase if letter.isupper() else string.ascii_lowercase
    for first in letters[letters.index(letter) :]:
        yield from (f"{first}{second}{third}" for second in letters for third in letters)


def _head(path: Path, size: int) -> bytes:
    with open_readonly(path) as stream:
        return stream.read(size)


def _tail(path: Path, size: int) -> bytes:
    with open_readonly(path) as stream:
        stream.seek(max(0, stream.seek(0, os.SEEK_END) - size))
        return stream.read(size)


def _is_image(path: Path) -> bool:
    return is_image(_head(path, HEAD_BYTES))


def _ends(head: bytes, tail: bytes, size: int) -> bool | None:
    """Whether pieces of that many bytes in all are all that there are; None where nothing says."""
    if head.startswith(sevenzip.MAGIC):
        return size >= sevenzip.whole_size(head)
    if head.startswith(b"PK\3\4"):
        return END_RECORD in tail[-END_RECORD_BYTES - LONGEST_COMMENT :]
    return None


def _zips_ahead(last: Path) -> int | None:
    """How many parts a zip says that it has besides the last, None where it has no end record."""
    tail = _tail(last, END_RECORD_BYTES + LONGEST_COMMENT)
    place = tail.rfind(END_RECORD)
    if place < 0 or place + END_RECORD_BYTES > len(tail):
        return None
    number = int.from_bytes(tail[place + 4 : place + 6], "little")
    return 0 if number == ZIP64 else number


def _looks_compressed(data: bytes) -> bool:
    return len(zlib.compress(data)) > 0.9 * len(data)


def _rar_goes_on(path: Path) -> bool:
    """Whether a RAR says at its end that another volume follows; False where it says nothing."""
    tail = _tail(path, RAR_END_BYTES)
    if _head(path, len(rar.MAGIC_5)) == rar.MAGIC_5:
        # Its size, type 5, the flags of the header, and those of the end.
        end = re.search(rb"\x03\x05.(.)\Z", tail, re.DOTALL)
        return end is not None and bool(end[1][0] & 1)
    # Type 0x7B and two bytes of flags, of which the lowest bit says it.
    found = re.search(rb"\x7b([\x00-\x0f])\x40", tail)
    return found is not None and bool(found[1][0] & 1)


def _encase_goes_on(path: Path) -> bool:
    """Whether the last section of a segment says that another segment follows."""
    return _tail(path, ENCASE_SECTION_BYTES).startswith(NEXT_SEGMENT)
