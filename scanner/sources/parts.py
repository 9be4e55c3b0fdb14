"""Which files lie side by side and make up one: by their names, and by what they say of it."""

from __future__ import annotations

import os
import re
import stat
import string
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count, islice
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from scanner.carving.marks import picture_at
from scanner.carving.window import Window
from scanner.containers import disk, rar, rar_volumes, sevenzip, zip
from scanner.containers.disks import ewf, vmdk
from scanner.containers.registry import container_of
from scanner.containers.sources import Joined, open_source
from scanner.containers.zip import END_RECORD, END_RECORD_BYTES, LONGEST_COMMENT
from scanner.files import file_facts, open_readonly
from scanner.images.signatures import is_image

ARCHIVE, DISK, FILE = "a split archive", "a disk image in segments", "a split file"
ARCHIVES = "7z|zip|rar|tar|tgz|gz|bz2|xz|zst"
NUMBERED = re.compile(r"(?P<stem>.+)\.(?P<number>\d{3}|[1-9]\d{3})")  # 1000 follows 999
NUMBERED_IN_FOUR = re.compile(r"(?P<stem>.+)\.(?P<number>\d{4})")
ARCHIVE_NUMBERED = re.compile(rf".+\.(?:{ARCHIVES})\.\d{{3,4}}", re.IGNORECASE)
ZIP_PART = re.compile(r"(?P<stem>.+)\.(?P<letter>z)(?P<number>\d\d+)", re.IGNORECASE)
ZIP_LAST = re.compile(r"(?P<stem>.+)\.(?P<letter>z)ip", re.IGNORECASE)
RAR_PART = re.compile(r"(?P<stem>.+\.part)(?P<number>\d+)(?P<end>\.rar)", re.IGNORECASE)
RAR_OLD = re.compile(r"(?P<stem>.+)\.(?P<letter>[r-z])(?P<number>\d\d)", re.IGNORECASE)
RAR_FIRST = re.compile(r"(?P<stem>.+)\.(?P<letter>r)ar", re.IGNORECASE)
EWF_PART = re.compile(r"(?P<stem>.+)\.(?P<letter>[es])(?P<number>\d\d|[a-z]{2})", re.IGNORECASE)
VMDK = re.compile(r"(?P<stem>.+?)(?:-(?:[fs]\d{3,6}|flat|delta))?(?P<end>\.vmdk)", re.IGNORECASE)
MOST_PARTS = 20_000
NUMBERS_AHEAD = 16  # behind a missing one that are looked for
HEAD_BYTES = 4096
LARGEST_PICTURE = 1 << 22  # bytes, of which the end is looked for
LEAST_TOLD = 512  # bytes, of which it can be said whether they look compressed
ZIP64_PLACE = 0xFFFF_FFFF
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


def _numbered(path: Path, found: re.Match[str], digits: int = 3) -> Parts | None:
    """NAME.001, NAME.002 and so on: pieces of an archive, a disk or a picture."""
    names = (f"{found['stem']}.{number:0{digits}}" for number in count(1))
    parts = _side_by_side(path, names)
    is_archive = ARCHIVE_NUMBERED.fullmatch(path.name) is not None
    if not is_archive:
        is_set = len(parts) > 1 and _goes_on(parts)
        return Parts(FILE, parts, parts[0]) if is_set else None
    if not parts:
        return Parts(ARCHIVE, parts, path, missing=1)
    size, told = 0, None
    head = _head(parts[0])
    for number, part in enumerate(parts, 1):
        size += _size(part)
        told = ends(head, _tail(part, END_RECORD_BYTES + LONGEST_COMMENT), size)
        if told:  # what follows is no part of it
            return Parts(ARCHIVE, parts[:number], parts[0]) if number > 1 else None
    ahead = (_beside(path, name) for name in islice(names, NUMBERS_AHEAD))
    is_whole = told is None and not any(ahead)
    return Parts(ARCHIVE, parts, parts[0], None if is_whole else len(parts) + 1)


def _zip(path: Path, found: re.Match[str]) -> Parts | None:
    """NAME.z01, NAME.z02 and so on, and NAME.zip as the last."""
    stem, letter = found["stem"], found["letter"]
    parts = _side_by_side(path, (f"{stem}.{letter}{number:02}" for number in count(1)))
    lasts = (_beside(path, f"{stem}.{letter}{end}") for end in ("ip", "IP"))
    last = next(filter(None, lasts), None)
    preceding = None if last is None else _zips_ahead(last)
    if last is None or preceding is None:
        return Parts(ARCHIVE, parts, parts[0] if parts else path, len(parts) + 1)
    if preceding == 0:  # it is an archive of its own
        return None
    missing = len(parts) + 1 if len(parts) < preceding else None
    return Parts(ARCHIVE, (*parts[:preceding], last), last, missing)


def _rar(path: Path, found: re.Match[str]) -> Parts | None:
    """NAME.part1.rar, NAME.part2.rar and so on."""
    width = len(found["number"])
    names = (f"{found['stem']}{it:0{width}}{found['end']}" for it in count(1))
    return _volumes(path, names)


def _old_rar(path: Path, found: re.Match[str]) -> Parts | None:
    """NAME.rar, NAME.r00, NAME.r01 and so on."""
    return _volumes(path, _old_names(found["stem"], found["letter"].isupper()))


def _volumes(path: Path, names: Iterator[str]) -> Parts | None:
    """Volumes, as long as each says that it is the next, and that another follows."""
    parts: list[Path] = []
    is_followed: bool | None = True
    while is_followed is not False and (place := _beside(path, next(names, ""))) is not None:
        head = _head(place)
        number = rar_volumes.number(head)
        if number is None or number not in (len(parts), rar_volumes.LATER):
            break
        is_followed = rar_volumes.is_followed(head, _tail(place, rar_volumes.END_BYTES))
        parts.append(place)
    if not parts and rar_volumes.number(_head(path)) is None:
        return None
    missing = len(parts) + 1 if is_followed or not parts else None
    owner = parts[0] if parts else path
    return Parts(ARCHIVE, tuple(parts), owner, missing, is_joined=False)


def _ewf(path: Path, found: re.Match[str]) -> Parts | None:
    """NAME.E01 to NAME.E99, then NAME.EAA and so on, as long as each is the next."""
    names = _ewf_names(found["stem"], found["letter"])
    parts: list[Path] = []
    is_followed = True
    while is_followed and (place := _beside(path, next(names, ""))) is not None:
        if ewf.segment(_head(place)) != len(parts) + 1:
            break
        is_followed = ewf.is_followed(_tail(place, ewf.SECTION_BYTES))
        parts.append(place)
    if len(parts) == 1 and not is_followed:
        return None
    missing = len(parts) + 1 if is_followed else None
    return Parts(DISK, tuple(parts), parts[0] if parts else path, missing)


def _vmdk(path: Path, found: re.Match[str]) -> Parts | None:
    """NAME.vmdk, which names NAME-s001.vmdk or NAME-flat.vmdk as what it describes."""
    owner = _beside(path, f"{found['stem']}{found['end']}")
    extents = () if owner is None else vmdk.extents(_head(owner, vmdk.LONGEST_DESCRIPTOR))
    names = [extent.name for extent in extents if extent.name is not None]
    if owner is None or not names or len(set(names)) < len(names):
        return None
    if not all(_is_extent_of(name, found) for name in names):
        return None
    places = [_beside(owner, name) for name in names]
    present = [place for place in places if place is not None]
    sizes = {place.name: file_facts(place).st_size for place in present}
    if any(it.leaves(sizes[it.name]) for it in extents if it.name in sizes):
        return None  # there is more in it than the disk
    missing = None if None not in places else places.index(None) + 2
    return Parts(DISK, (owner, *present), owner, missing)


def _is_extent_of(name: str, found: re.Match[str]) -> bool:
    shape = VMDK.fullmatch(name)
    return shape is not None and shape["stem"] == found["stem"]


def _as_written(path: Path, found: re.Match[str], head: bytes) -> int:
    return int(found["number"])


def _last_zip(path: Path, found: re.Match[str], head: bytes) -> int:
    preceding = _zips_ahead(path)
    return preceding + 1 if preceding else 0


def _in_zip(path: Path, found: re.Match[str], head: bytes) -> int:
    return int(found["number"]) if head.startswith(b"PK") or looks_compressed(head) else 0


def _first(path: Path, found: re.Match[str], head: bytes) -> int:
    return 1


def _in_old_rar(path: Path, found: re.Match[str], head: bytes) -> int:
    return (ord(found["letter"].lower()) - ord("r")) * 100 + int(found["number"]) + 2


def _in_ewf(path: Path, found: re.Match[str], head: bytes) -> int:
    return ewf.segment(head)


def _in_vmdk(path: Path, found: re.Match[str], head: bytes) -> int:
    descriptor = _head(path.with_name(f"{found['stem']}{found['end']}"), vmdk.LONGEST_DESCRIPTOR)
    names = [extent.name for extent in vmdk.extents(descriptor) if extent.name is not None]
    return names.index(path.name) + 2 if path.name in names else 1


class Shape(NamedTuple):
    """How names of parts look, and what each begins with.

    number: of one whose set lacks a part ahead of it; 0 for what is none. kinds: what those behind
    the first may look like by themselves.
    """

    pattern: re.Pattern[str]
    magic: bytes
    find: Callable[[Path, re.Match[str]], Parts | None]
    number: Callable[[Path, re.Match[str], bytes], int]
    kinds: tuple[ModuleType, ...] = ()


SHAPES: Sequence[Shape] = (
    Shape(NUMBERED, b"", _numbered, _as_written),
    Shape(NUMBERED_IN_FOUR, b"", partial(_numbered, digits=4), _as_written),
    Shape(ZIP_PART, b"", _zip, _in_zip, (zip,)),
    Shape(ZIP_LAST, b"", _zip, _last_zip, (zip,)),
    Shape(RAR_PART, rar.MAGIC, _rar, _as_written, (rar,)),
    Shape(RAR_FIRST, rar.MAGIC, _old_rar, _first, (rar,)),
    Shape(RAR_OLD, rar.MAGIC, _old_rar, _in_old_rar, (rar,)),
    Shape(EWF_PART, ewf.MAGIC, _ewf, _in_ewf),
    Shape(VMDK, b"", _vmdk, _in_vmdk),
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
    if Path(name).name != name or not name:
        return None
    place = path.with_name(name)
    try:
        facts = place.lstat()
    except (OSError, ValueError):
        return None
    return place if stat.S_ISREG(facts.st_mode) else None


def _old_names(stem: str, upper: bool) -> Iterator[str]:
    letters = string.ascii_uppercase if upper else string.ascii_lowercase
    yield f"{stem}.{'RAR' if upper else 'rar'}"
    rest = letters[letters.lower().index("r") :]
    yield from (f"{stem}.{letter}{number:02}" for letter in rest for number in range(100))


def _ewf_names(stem: str, letter: str) -> Iterator[str]:
    yield from (f"{stem}.{letter}{number:02}" for number in range(1, 100))
    letters = string.ascii_uppercase if letter.isupper() else string.ascii_lowercase
    for first in letters[letters.index(letter) :]:
        yield from (f"{stem}.{first}{second}{third}" for second in letters for third in letters)


def _goes_on(parts: Sequence[Path]) -> bool:
    """Whether the first is the beginning of a disk, an archive or a picture that needs the rest."""
    head = _head(parts[0])
    if is_image(head):
        return _is_one_picture(parts)
    with open_readonly(parts[0]) as stream:
        size = stream.seek(0, os.SEEK_END)
        stream.seek(0)
        kind, _ = container_of(stream)
    if kind is not disk:
        return ends(head, _tail(parts[0], END_RECORD_BYTES + LONGEST_COMMENT), size) is False
    with open_readonly(parts[1]) as stream:  # one disk after the other
        return container_of(stream)[0] is not disk


def _is_one_picture(parts: Sequence[Path]) -> bool:
    """Whether a picture begins in the first and ends in the last."""
    size = sum(map(_size, parts))
    if size > LARGEST_PICTURE:
        return False
    with open_source(Joined(tuple(parts), parts[0])) as joined:
        found = picture_at(Window(joined, 0, size))
    return found is not None and found[1].whole and found[1].size > size - _size(parts[-1])


def ends(head: bytes, tail: bytes, size: int) -> bool | None:
    """Whether pieces of that many bytes in all are all that there are; None where nothing says."""
    if head.startswith(sevenzip.MAGIC):
        return size >= sevenzip.whole_size(head)
    if head.startswith(b"PK\3\4"):
        return _ends_zip(tail[-END_RECORD_BYTES - LONGEST_COMMENT :], size)
    return None


def _ends_zip(tail: bytes, size: int) -> bool:
    """Whether an end record in the last bytes of so many is that of them all.

    Of an archive that is a member the list of members lies elsewhere than its record says.
    """
    place = tail.rfind(END_RECORD)
    while place >= 0:
        length, start = struct.unpack("<II", tail[place + 12 : place + 20].ljust(8, b"\0"))
        if ZIP64_PLACE in (length, start) or length + start == size - len(tail) + place:
            return True
        place = tail.rfind(END_RECORD, 0, place)
    return False


def _zips_ahead(last: Path) -> int | None:
    """How many parts a zip says that it has besides the last, None where it has no end record."""
    tail = _tail(last, END_RECORD_BYTES + LONGEST_COMMENT)
    place = tail.rfind(END_RECORD)
    if place < 0 or place + END_RECORD_BYTES > len(tail):
        return None
    number = int.from_bytes(tail[place + 4 : place + 6], "little")
    return 0 if number == ZIP64 else number


def looks_compressed(data: bytes) -> bool:
    return len(data) >= LEAST_TOLD and len(zlib.compress(data)) > 0.9 * len(data)


def _head(path: Path, size: int = HEAD_BYTES) -> bytes:
    with open_readonly(path) as stream:
        return stream.read(size)


def _size(path: Path) -> int:
    return file_facts(path).st_size


def _tail(path: Path, size: int) -> bytes:
    with open_readonly(path) as stream:
        stream.seek(max(0, stream.seek(0, os.SEEK_END) - size))
        return stream.read(size)
