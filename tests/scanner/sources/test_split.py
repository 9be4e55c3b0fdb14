"""Protects: parts are read as one where all lie side by side, and else none of them looks clean."""

from __future__ import annotations

import gzip
import io
import os
import random
import struct
import zipfile
from pathlib import Path

import py7zr
import pytest

from scanner.limits import Limits
from scanner.record import Status
from scanner.sources.found import Found
from tests.scanner.carving.pictures import jpeg
from tests.scanner.containers.rar_bytes import split_rar
from tests.scanner.walking import contents, fates, rows, tarred, walked, zipped

NOISE = [(f"{number}.bin", random.Random(number).randbytes(3_000)) for number in range(4)]
MEMBERS = [*NOISE, ("picture.jpg", jpeg(1))]
CONTENTS = dict(MEMBERS)


def cut(data: bytes, size: int = 4_000) -> list[bytes]:
    return [data[place : place + size] for place in range(0, len(data), size)]


def seven_zipped() -> bytes:
    stream = io.BytesIO()
    with py7zr.SevenZipFile(stream, "w") as archive:
        for name, data in MEMBERS:
            archive.writestr(data, name)
    return stream.getvalue()


def gzipped() -> bytes:
    return gzip.compress(tarred(MEMBERS), mtime=0)


def zip_in_parts(size: int = 4_000) -> list[bytes]:
    """As Info-ZIP's -s and WinZip write them: each member says in which part it begins."""
    data = bytearray(b"PK\7\x08" + zipped(MEMBERS))
    directory = data.index(b"PK\1\2")
    end = data.index(b"PK\5\6")
    place = directory
    while place < end:
        (offset,) = struct.unpack_from("<I", data, place + 42)
        part, offset = divmod(offset + 4, size)
        struct.pack_into("<H", data, place + 34, part)
        struct.pack_into("<I", data, place + 42, offset)
        name, extra, comment = struct.unpack_from("<HHH", data, place + 28)
        place += 46 + name + extra + comment
    last = (len(data) - 1) // size
    part, offset = divmod(directory, size)
    struct.pack_into("<HH", data, end + 4, last, part)
    struct.pack_into("<I", data, end + 16, offset)
    return cut(bytes(data), size)


def lay_out(folder: Path, names: list[str], parts: list[bytes]) -> None:
    for name, part in zip(names, parts, strict=True):
        (folder / name).write_bytes(part)


def numbered(stem: str, parts: list[bytes]) -> list[str]:
    return [f"{stem}.{number:03}" for number, _ in enumerate(parts, 1)]


def zip_names(stem: str, parts: list[bytes]) -> list[str]:
    return [f"{stem}.z{number:02}" for number in range(1, len(parts))] + [f"{stem}.zip"]


SETS = {
    "a.7z.001": (numbered("a.7z", cut(seven_zipped())), cut(seven_zipped())),
    "b.zip.001": (numbered("b.zip", cut(zipped(MEMBERS))), cut(zipped(MEMBERS))),
    "c.tar.gz.001": (numbered("c.tar.gz", cut(gzipped())), cut(gzipped())),
    "d.zip": (zip_names("d", zip_in_parts()), zip_in_parts()),
}


@pytest.mark.parametrize("owner", SETS)
def test_parts_that_lie_side_by_side_are_one(owner: str, tmp_path: Path) -> None:
    names, parts = SETS[owner]
    lay_out(tmp_path, names, parts)
    entries = walked(tmp_path)
    found = contents(entries)
    assert found == {f"{owner}!/{name}": data for name, data in CONTENTS.items()}
    assert rows(entries) == {}
    outcomes = fates(entries)
    assert set(outcomes) == {*names, f"{owner}!/joined"}
    # All bytes are some member's, but for the archive's own.
    joined = next(entry for entry in entries if entry.path == f"{owner}!/joined")
    assert isinstance(joined, Found)
    assert joined.gaps is not None
    assert sum(stop - start for start, stop in joined.gaps) < 1_000


@pytest.mark.parametrize("owner", SETS)
@pytest.mark.parametrize("lost", [0, 1, -1])
def test_no_part_looks_clean_where_one_is_missing(owner: str, lost: int, tmp_path: Path) -> None:
    names, parts = SETS[owner]
    lay_out(tmp_path, names, parts)
    (tmp_path / names[lost]).unlink()
    left = {name for name in names if name != names[lost]}
    if owner.startswith("c.") and lost == -1:
        # That a last one is missing only the damage shows.
        assert rows(walked(tmp_path))["c.tar.gz.001!/joined"][0] is Status.UNREADABLE
        return
    outcomes = rows(walked(tmp_path))
    assert set(outcomes) == left
    for name in left:
        status, sentence = outcomes[name]
        assert status is Status.UNSUPPORTED
        number = names.index(name) + 1
        assert sentence.startswith(f"part {number} of a split archive, without its part ")


def test_a_rar_whose_volume_is_missing_looks_clean_nowhere(tmp_path: Path) -> None:
    volumes = split_rar("x.jpg", [b"1" * 300, b"2" * 300, b"3"])
    names = [f"a.part{number}.rar" for number in (1, 2, 3)]
    lay_out(tmp_path, names, volumes)
    assert rows(walked(tmp_path)) == {}
    for lost in names:
        kept = (tmp_path / lost).read_bytes()
        (tmp_path / lost).unlink()
        outcomes = rows(walked(tmp_path))
        assert set(outcomes) == set(names) - {lost}
        assert {status for status, _ in outcomes.values()} == {Status.UNSUPPORTED}
        (tmp_path / lost).write_bytes(kept)


def test_old_names_of_rars_are_known(tmp_path: Path) -> None:
    volumes = split_rar("x.jpg", [b"1" * 300, b"2" * 300, b"3"])
    lay_out(tmp_path, ["a.rar", "a.r00", "a.r01"], volumes)
    outcomes = fates(walked(tmp_path))
    assert outcomes["a.r00"].error == "part 2 of a split archive, which is read with a.rar"
    (tmp_path / "a.r00").unlink()
    assert rows(walked(tmp_path))["a.r01"][0] is Status.UNSUPPORTED


def test_pictures_that_are_numbered_like_parts_stay_pictures(tmp_path: Path) -> None:
    pages = {f"scan.{number:03}": jpeg(number) for number in (1, 2, 3)}
    pages["lone.7z.002"] = pages["lone.z02"] = jpeg(4)
    lay_out(tmp_path, list(pages), list(pages.values()))
    assert contents(walked(tmp_path)) == pages


def test_an_archive_that_is_a_member_does_not_end_the_one_around_it(tmp_path: Path) -> None:
    inner = zipped([("picture.jpg", jpeg(1))])
    whole = zipped([*NOISE[:2], ("inner.zip", inner), *NOISE[2:]], zipfile.ZIP_STORED)
    end = whole.index(inner) + len(inner) + 9
    lay_out(tmp_path, ["a.zip.001", "a.zip.002"], [whole[:end], whole[end:]])
    found = contents(walked(tmp_path))
    assert found["a.zip.001!/inner.zip!/picture.jpg"] == jpeg(1)
    assert found["a.zip.001!/3.bin"] == NOISE[3][1]


def test_one_picture_in_pieces_is_joined(tmp_path: Path) -> None:
    pieces = cut(jpeg(1), 300)
    lay_out(tmp_path, numbered("a.jpg", pieces), pieces)
    assert contents(walked(tmp_path)) == {"a.jpg.001!/joined": jpeg(1)}


def test_a_file_does_not_pass_for_a_part_of_an_archive_that_is_whole(tmp_path: Path) -> None:
    """Or what lies in it would be taken for read."""
    whole = {
        "a.zip": zipped(MEMBERS),
        "b.rar": split_rar("x.jpg", [b"1" * 300])[0],
        "c.vmdk": b"no descriptor",
    }
    strangers = {"a.z01": b"a stranger", "b.r00": b"a stranger", "c-s001.vmdk": b"a stranger"}
    for name, data in (whole | strangers).items():
        (tmp_path / name).write_bytes(data)
    found = contents(walked(tmp_path))
    assert {name: found.get(name) for name in strangers} == strangers


def test_files_that_are_numbered_and_something_each_are_opened_each(tmp_path: Path) -> None:
    """However they are called: a name makes nothing a part of what it is not."""
    inner = {f"{number}.txt": b"text %d" % number for number in (1, 2)}
    archives = {
        "notes.001": b"a text that is no archive",
        "notes.002": gzip.compress(b"text 1", mtime=0),
        "tars.001": tarred([("1.txt", inner["1.txt"])]),
        "tars.002": tarred([("2.txt", inner["2.txt"])]),
        "lone.005": zipped([("1.txt", inner["1.txt"])]),
        "b.part1.rar": split_rar("1.txt", [b"text 1"])[0],
        "b.part2.rar": split_rar("2.txt", [b"text 2"])[0],
        "r.rar.001": split_rar("1.txt", [b"text 1"])[0],
        "r.rar.002": split_rar("2.txt", [b"text 2"])[0],
        "g.gz.001": gzip.compress(b"text 1", mtime=0),
        "g.gz.002": gzip.compress(b"text 2", mtime=0),
        "broken.001": jpeg(1)[:-9],
        "broken.002": b"\0\0\0\x18ftypisom" + bytes(99),
        "mixed.Zip": zipped([("1.txt", NOISE[0][1])]),
        "scan.001": jpeg(1),
        "scan.002": seven_zipped(),
    }
    for name, data in archives.items():
        (tmp_path / name).write_bytes(data)
    found = contents(walked(tmp_path))
    assert found["notes.001"] == archives["notes.001"]
    assert found["notes.002!/notes.002"] == b"text 1"
    assert found["tars.001!/1.txt"] == found["lone.005!/1.txt"] == b"text 1"
    assert found["tars.002!/2.txt"] == b"text 2"
    assert found["b.part1.rar!/1.txt"] == b"text 1"
    assert found["b.part2.rar!/2.txt"] == b"text 2"
    assert found["r.rar.002!/2.txt"] == found["g.gz.002!/g.gz.002"] == b"text 2"
    assert found["broken.002"] == archives["broken.002"]
    assert found["mixed.Zip!/1.txt"] == NOISE[0][1]
    assert found["scan.001"] == jpeg(1)
    assert found["scan.002!/picture.jpg"] == jpeg(1)


def test_a_part_named_without_the_first_is_not_taken_for_read(tmp_path: Path) -> None:
    names, parts = SETS["a.7z.001"]
    lay_out(tmp_path, names, parts)
    alone = rows(walked(tmp_path / names[1]))
    assert {status for status, _ in alone.values()} == {Status.UNSUPPORTED}
    together = walked(*(tmp_path / name for name in names))
    assert rows(together) == {}


def test_a_part_that_is_mostly_holes_leaves_the_others_to_themselves(tmp_path: Path) -> None:
    (tmp_path / "a.tar.001").write_bytes(tarred([("1.txt", b"text 1")])[:2_000])
    with (tmp_path / "a.tar.002").open("wb") as stream:
        stream.truncate(1 << 24)
    entries = walked(tmp_path, limits=Limits(file_bytes=1 << 20, ratio=2))
    assert rows(entries)["a.tar.002"][0] is Status.OVER_LIMIT
    assert contents(entries) == {"a.tar.001!/1.txt": b"text 1"}


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="needs links")
def test_a_part_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    names, parts = SETS["a.7z.001"]
    evidence = tmp_path / "evidence"
    evidence.mkdir()
    lay_out(evidence, names, parts)
    (evidence / names[1]).rename(tmp_path / "elsewhere")
    (evidence / names[1]).symlink_to(tmp_path / "elsewhere")
    assert rows(walked(evidence))["a.7z.001"][0] is Status.UNSUPPORTED


def test_parts_inside_an_archive_say_what_they_are(tmp_path: Path) -> None:
    """They do not lie side by side there: each member is read by itself."""
    names, parts = SETS["a.7z.001"]
    (tmp_path / "outer.zip").write_bytes(zipped(list(zip(names, parts, strict=True))))
    with zipfile.ZipFile(tmp_path / "outer.zip") as archive:
        assert archive.namelist() == names
    outcomes = rows(walked(tmp_path))
    assert outcomes["outer.zip!/a.7z.001"][0] is Status.UNSUPPORTED
    assert outcomes["outer.zip!/a.7z.002"][0] is Status.UNSUPPORTED
