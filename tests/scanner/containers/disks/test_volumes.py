"""Protects: every file of a volume is a member, deleted ones are found, and none has two rows."""

from __future__ import annotations

import re
import struct
from pathlib import Path

import pytest

from scanner.containers.disks.clusters import Bitmap, Counted
from scanner.containers.disks.content import DELETED, TAKEN, stretches
from scanner.containers.disks.ntfs import _by_units
from scanner.record import Status
from tests.scanner.containers.disks.opening import each_once, found_in, image, lay_out, named
from tests.scanner.walking import contents, rows, walked

FAT = {
    "b.txt": "note.txt",
    "a long name.txt": "large.txt",
    "photos/listed.jpg": "listed.jpg",
    "fragmented.jpg": "fragmented.jpg",
}
EXT = {"note.txt": "note.txt", "photos/listed.jpg": "listed.jpg"}
EXFAT = {
    "b.txt": "note.txt",
    "large.txt": "large.txt",
    "fragmented.jpg": "fragmented.jpg",
    "photos/listed.jpg": "listed.jpg",
    "many/last.jpg": "between.jpg",
    f"{DELETED}photos/deleted.jpg": "deleted.jpg",
}
NTFS = {
    "b.txt": "note.txt",
    "b.txt:hidden": "stream.jpg",
    "photos:inside": "note.txt",
    "$Extend/note.txt": "note.txt",
    "fragmented.jpg:case": "note.txt",
    "fragmented.jpg:CASE": "between.jpg",
    "fragmented.jpg": "fragmented.jpg",
    "packed/compressed.jpg": "compressed.jpg",
    "packed/large.txt": "large.txt",
    "photos/listed.jpg": "listed.jpg",
    f"{DELETED}photos/deleted.jpg": "deleted.jpg",
}
VOLUMES = {
    "fat12.dd": FAT,
    "fat16.dd": FAT,
    "fat32.dd": FAT,
    "ext2.dd": EXT,
    "ext4.dd": EXT,
    "exfat.dd": EXFAT,
    "ntfs.dd": NTFS,
}


@pytest.mark.parametrize("name", VOLUMES)
def test_every_file_is_a_member(name: str, tmp_path: Path) -> None:
    lay_out(tmp_path, name)
    found = found_in(tmp_path)
    expected = {f"{name}!/{path}": content for path, content in VOLUMES[name].items()}
    members = {path: content for path, content in found.items() if "carved" not in path}
    assert members.items() >= expected.items()
    assert "deleted.jpg" in found.values()
    assert each_once(found)
    # But for what was deleted on FAT, whose content is found where it lies.
    searched_out = {path: content for path, content in found.items() if path not in members}
    assert set(searched_out.values()) <= {"deleted.jpg"}


def test_links_have_rows(tmp_path: Path) -> None:
    lay_out(tmp_path, "ext4.dd")
    assert rows(walked(tmp_path))["ext4.dd!/link"][0] is Status.UNSUPPORTED


def test_a_compressed_file_takes_no_more_than_is_read_of_it(tmp_path: Path) -> None:
    """Or what lies in the other clusters that it claims would be in no row."""
    data = bytearray(image("ntfs.dd"))
    record = _record(data, "fragmented.jpg")
    attribute = data.index(b"\x80\0\0\0", record)
    struct.pack_into("<H", data, attribute + 34, 4)  # units of 16 clusters
    struct.pack_into("<H", data, attribute + 12, 1)  # compressed
    struct.pack_into("<QQQ", data, attribute + 40, 1 << 20, 0, 0)  # and no bytes at all
    (tmp_path / "ntfs.dd").write_bytes(data)
    assert "fragmented.jpg" in found_in(tmp_path).values()


def test_a_deleted_file_whose_place_was_taken_is_not_shown_as_it_was(tmp_path: Path) -> None:
    """What lies there by now is another's, and must not get a verdict under its name."""
    data = bytearray(image("ntfs.dd"))
    # All clusters in use: the bitmap of this volume is the one run of record 6.
    place = _bitmap_at(data)
    data[place : place + 256] = b"\xff" * 256
    (tmp_path / "ntfs.dd").write_bytes(data)
    path = f"ntfs.dd!/{DELETED}photos/deleted.jpg"
    entries = walked(tmp_path)
    assert rows(entries)[path] == (Status.UNREADABLE, TAKEN)
    found = named(entries)
    assert path not in found
    assert "deleted.jpg" in found.values()  # by the search


def _record(data: bytes | bytearray, name: str) -> int:
    """Where the record of the file lies."""
    found = re.finditer(re.escape(name.encode("utf-16-le")), data)
    places = (match.start() // 1024 * 1024 for match in found)
    return next(place for place in places if data.startswith(b"FILE", place))


def _bitmap_at(data: bytes | bytearray) -> int:
    (first,) = struct.unpack_from("<Q", data, 48)  # of the table of files, in clusters of 512
    record = data[first * 512 + 6 * 1024 :][:1024]
    at = struct.unpack_from("<H", record, 20)[0]
    while record[at] != 0x80:
        at += struct.unpack_from("<I", record, at + 4)[0]
    run = at + struct.unpack_from("<H", record, at + 32)[0]
    sizes = record[run]
    start = record[run + 1 + (sizes & 15) :][: sizes >> 4]
    return int.from_bytes(start, "little") * 512


def test_folders_that_lie_in_themselves_end(tmp_path: Path) -> None:
    data = bytearray(image("fat12.dd"))
    entry = data.index(b"PHOTOS     \x10")
    cluster = data[entry + 26 : entry + 28]
    inside = data.index(b"LISTED  JPG")
    data[inside + 11] = 0x10  # a file in it that is now the folder itself
    data[inside + 26 : inside + 28] = cluster
    (tmp_path / "fat12.dd").write_bytes(data)
    assert "fat12.dd!/fragmented.jpg" in found_in(tmp_path)


def test_a_list_of_clusters_that_goes_round_ends(tmp_path: Path) -> None:
    data = bytearray(image("fat16.dd"))
    reserved, tables = struct.unpack_from("<H", data, 14)[0], struct.unpack_from("<H", data, 22)[0]
    entry = data.index(b"ALONGN~1TXT")
    (cluster,) = struct.unpack_from("<H", data, entry + 26)
    struct.pack_into("<H", data, reserved * 512 + 2 * cluster, cluster)
    assert tables
    (tmp_path / "fat16.dd").write_bytes(data)
    status, sentence = rows(walked(tmp_path))["fat16.dd!/a long name.txt"]
    assert status is Status.UNREADABLE
    assert "circle" in sentence


def test_a_list_of_clusters_that_steps_back_is_followed(tmp_path: Path) -> None:
    data = bytearray(image("fat16.dd"))
    (reserved,) = struct.unpack_from("<H", data, 14)
    tables, roots, size = data[16], *struct.unpack_from("<H2xxH", data, 17)
    first_data = (reserved + tables * size) * 512 + roots * 32
    entry = data.index(b"ALONGN~1TXT")
    (cluster,) = struct.unpack_from("<H", data, entry + 26)
    # Of the clusters on the way, the second and the third change places.
    second, third = cluster + 1, cluster + 2
    places = [
        slice(first_data + (it - 2) * 512, first_data + (it - 1) * 512) for it in (second, third)
    ]
    data[places[0]], data[places[1]] = data[places[1]], data[places[0]]
    for here, following in ((cluster, third), (third, second), (second, cluster + 3)):
        struct.pack_into("<H", data, reserved * 512 + 2 * here, following)
    (tmp_path / "fat16.dd").write_bytes(data)
    assert found_in(tmp_path)["fat16.dd!/a long name.txt"] == "large.txt"


def test_a_damaged_folder_does_not_pass_for_an_empty_one(tmp_path: Path) -> None:
    data = bytearray(image("ext4.dd"))
    entry = data.index(b"listed.jpg") - 8
    struct.pack_into("<H", data, entry + 4, 0)  # how long the entry is
    (tmp_path / "ext4.dd").write_bytes(data)
    assert rows(walked(tmp_path))["ext4.dd!/photos/"][0] is Status.UNREADABLE
    data = bytearray(image("exfat.dd"))
    stream = data.index("fragmented.jpg".encode("utf-16-le")) - 34
    assert data[stream] == 0xC0
    data[stream] = 0xC2
    (tmp_path / "exfat.dd").write_bytes(data)
    assert rows(walked(tmp_path))["exfat.dd!/."][0] is Status.UNREADABLE
    data = bytearray(image("ntfs.dd"))
    record = _record(data, "fragmented.jpg")
    data[record : record + 4] = b"BAAD"
    (tmp_path / "ntfs.dd").write_bytes(data)
    broken = [path for path in rows(walked(tmp_path)) if path.startswith("ntfs.dd!/$MFT/")]
    assert len(broken) == 1


def test_what_was_never_written_of_a_file_is_zeros(tmp_path: Path) -> None:
    """In its place another may have been, whose bytes must not come under its name."""
    data = bytearray(image("ntfs.dd"))
    record = _record(data, "fragmented.jpg")
    attribute = data.index(b"\x80\0\0\0", record)
    assert data[attribute + 8] == 1  # it does not lie in the record
    struct.pack_into("<Q", data, attribute + 56, 0)
    (tmp_path / "ntfs.dd").write_bytes(data)
    assert contents(walked(tmp_path))["ntfs.dd!/fragmented.jpg"] == bytes(2166)
    assert "fragmented.jpg" in found_in(tmp_path).values()


def test_what_a_compressed_file_takes() -> None:
    runs: list[tuple[int | None, int]] = [(10, 3), (None, 1), (20, 8), (40, 2), (None, 2)]
    # A packed unit of four clusters, two plain ones, and one that is packed again.
    assert _by_units(runs, 4, 100, 1_450) == [
        (1_000, 1_300), (2_000, 2_400), (2_400, 2_800), (4_000, 4_200),
    ]  # fmt: skip
    assert _by_units(runs, 4, 100, 410) == [(1_000, 1_300), (2_000, 2_010)]
    assert _by_units([(10, 4)], 4, 100, 10) == [(1_000, 1_010)]


def test_blocks_that_overlap_are_claimed_by_no_file() -> None:
    with pytest.raises(ValueError, match="overlaps"):
        stretches([(10, 9), (None, -9), (100, 9)], 100, 450)


def test_what_a_file_takes_ends_with_it() -> None:
    """Behind its end, in its last block, what was there before may lie."""
    runs = [(10, 2), (None, 1), (4, 3)]
    assert stretches(runs, 100, 450) == [(1000, 1200), (400, 550)]
    assert stretches(runs, 100, 150) == [(1000, 1150)]


def test_clusters_in_use_are_told() -> None:
    bitmap = Bitmap(b"\x01\x80")
    used = [number for number in range(16) if bitmap.is_used(number, 1)]
    assert used == [0, 15]
    assert not bitmap.is_used(1, 14)
    assert bitmap.is_used(16, 1)  # beyond the volume
    counted = Counted(16)
    counted.add(2, 6)
    assert not counted.is_shared(0, 16)
    counted.add(7, 3)
    assert [number for number in range(16) if counted.is_shared(number, 1)] == [7]
