"""Protects: a picture at any place of any surrounding is found: archives, documents, volumes."""

from __future__ import annotations

import io
import random
import sqlite3
import struct
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from scanner.carving.coded import decode
from scanner.limits import Limits
from scanner.sources.found import Found
from scanner.sources.walk import walk
from scanner.workers.examine import examine
from scanner.workers.streamed import take_hashes
from tests.conftest import EVERY_SIZE
from tests.scanner.carving.pictures import KINDS, encoded, jpeg
from tests.scanner.scan.hiding import pdf

LIMITS = Limits()
Hide = Callable[[bytes, random.Random], bytes]


def in_noise(picture: bytes, chance: random.Random) -> bytes:
    return chance.randbytes(chance.randrange(1, 9_000)) + picture + chance.randbytes(3_000)


def in_text(picture: bytes, chance: random.Random) -> bytes:
    lines = [f"line {chance.random()} of a log\n".encode() for _ in range(chance.randrange(1, 99))]
    place = chance.randrange(1, len(lines) + 1)
    return b"".join([*lines[:place], picture, *lines[place:]])


def in_the_gap_of_a_zip(picture: bytes, chance: random.Random) -> bytes:
    """Between any two members, whose offsets the directory then tells as they are."""
    stream = io.BytesIO()
    members = chance.randrange(1, 6)
    gap = chance.randrange(1, members + 1)  # before the first, the file would be the picture
    with zipfile.ZipFile(
        stream, "w", chance.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
    ) as it:
        for number in range(members):
            if number == gap:
                _leave(it, stream, picture)
            it.writestr(f"{number}.jpg", jpeg(1_000 + number))
        if gap == members:
            _leave(it, stream, picture)
    return stream.getvalue()


def _leave(archive: zipfile.ZipFile, stream: io.BytesIO, data: bytes) -> None:
    stream.seek(archive.start_dir)
    stream.write(data)
    archive.start_dir = stream.tell()


def in_a_pdf(picture: bytes, chance: random.Random) -> bytes:
    """Between any two lines of a document that lists its objects by offsets of before."""
    whole = pdf(b"<< /A 1 >>", b"[ 1 2 3 ]")
    place = chance.choice([at for at in range(20, len(whole)) if whole[at - 1 : at] == b"\n"])
    return whole[:place] + picture + b"\n" + whole[place:]


def in_a_fat_volume(picture: bytes, chance: random.Random) -> bytes:
    boot = (b"\xeb\x3c\x90MSDOS5.0".ljust(54, b"\0") + b"FAT16   ").ljust(510, b"\0") + b"\x55\xaa"
    return _clusters(boot.ljust(4_096, b"\0"), picture, chance, 2_048)


def in_an_ext_volume(picture: bytes, chance: random.Random) -> bytes:
    superblock = (bytes(56) + b"\x53\xef" + struct.pack("<HH", 1, 1)).ljust(1_024, b"\0")
    return _clusters(bytes(1_024) + superblock, picture, chance, 1_024)


def _clusters(head: bytes, picture: bytes, chance: random.Random, size: int) -> bytes:
    def files(count: int) -> bytes:
        kinds = (bytes(size), b"a text of a file\n".ljust(size, b"\0"), chance.randbytes(size))
        return b"".join(chance.choice(kinds) for _ in range(count))

    whole = picture.ljust(-(-len(picture) // size) * size, b"\0")
    return head + files(chance.randrange(20)) + whole + files(9)


def in_a_database(picture: bytes, chance: random.Random) -> bytes:
    """In one piece, as rows are that fit a page: pages are as large as they can be."""
    connection = sqlite3.connect(":memory:")
    connection.execute("PRAGMA page_size = 65536")
    connection.execute("CREATE TABLE icon (name TEXT, data BLOB)")
    for number in range(chance.randrange(1, 20)):
        data = picture if number == 0 else chance.randbytes(300)
        connection.execute("INSERT INTO icon VALUES (?, ?)", (f"{number}", data))
    connection.commit()
    whole = connection.serialize()
    connection.close()
    return whole


WAYS: dict[str, Hide] = {
    "noise": in_noise,
    "text": in_text,
    "the gap of a zip": in_the_gap_of_a_zip,
    "a PDF document": in_a_pdf,
    "a FAT volume": in_a_fat_volume,
    "an ext volume": in_an_ext_volume,
    "a database": in_a_database,
}


def found_in(path: Path) -> list[bytes]:
    """The pictures that are found in the bytes of the file, as they would be examined."""
    (entry,) = [it for it in walk([path], LIMITS) if isinstance(it, Found) and it.path == path.name]
    if entry.fate is None:
        examined = examine(path, EVERY_SIZE, LIMITS, gaps=entry.gaps)
    else:
        examined = take_hashes(path, entry.fate, entry.stamp, LIMITS, gaps=entry.gaps)
    data = path.read_bytes()
    return [
        decode(place.coding, data[place.start : place.stop], LIMITS.file_bytes)
        for place in examined.carved or ()
    ]


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(sorted(WAYS)), st.sampled_from(range(len(KINDS))), st.integers(0, 10**6))
def test_it_is_found(way: str, kind: int, seed: int) -> None:
    picture = encoded(kind, seed)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "evidence"
        path.write_bytes(WAYS[way](picture, random.Random(seed)))
        assert picture in found_in(path)
