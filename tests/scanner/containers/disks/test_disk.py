"""Protects: a disk is the same in every format, and nothing in an image looks clean unseen."""

from __future__ import annotations

import base64
import io
import struct
import sys
from pathlib import Path

import pytest

from scanner.carving.coded import BASE64
from scanner.containers import disk
from scanner.containers.container import MemberError
from scanner.limits import Limits
from scanner.record import Status
from scanner.scan.carved import entries
from scanner.sources.found import Found
from scanner.workers.examine import read
from scanner.workers.streamed import take_hashes
from tests.scanner.carving.pictures import jpeg
from tests.scanner.containers.disks.opening import found_in, image, lay_out, named
from tests.scanner.walking import rows, walked, zipped

WHOLE = {
    "partition-1/b.txt": "note.txt",
    "partition-1/a long name.txt": "large.txt",
    "partition-1/photos/listed.jpg": "listed.jpg",
    "partition-1/fragmented.jpg": "fragmented.jpg",
    "partition-2/note.txt": "note.txt",
    "partition-2/photos/listed.jpg": "listed.jpg",
}
FORMATS = {
    "whole.dd": (),
    "gpt.dd": (),
    "fixed.vhd": (),
    "dynamic.vhd": (),
    "whole.vdi": (),
    "whole.vhdx": (),
    "whole.qcow2": (),
    "packed.qcow2": (),
    "whole.vmdk": (),
    "stream.vmdk": (),
    "several.vmdk": ("several-s001.vmdk",),
    "flat.vmdk": ("flat-flat.vmdk",),
    "packed.E01": (),
    "whole.E01": ("whole.E02", "whole.E03", "whole.E04", "whole.E05"),
}


@pytest.mark.parametrize("name", FORMATS)
def test_a_disk_is_the_same_in_every_format(name: str, tmp_path: Path) -> None:
    lay_out(tmp_path, name, *FORMATS[name])
    entries = walked(tmp_path)
    members = {path.removeprefix(f"{name}!/"): it for path, it in named(entries).items()}
    assert members.items() >= WHOLE.items()
    searched_out = [content for path, content in members.items() if path not in WHOLE]
    # On either volume one was deleted, and one lies in none.
    assert sorted(searched_out) == ["between.jpg", "deleted.jpg", "deleted.jpg"]
    assert set(rows(entries)) == {f"{name}!/partition-2/link"}


def test_what_a_format_leaves_of_its_file_is_searched(tmp_path: Path) -> None:
    """Blocks that no disk refers to keep what was once in them."""
    for name in ("whole.vdi", "packed.E01", "stream.vmdk"):
        (tmp_path / name).write_bytes(image(name) + bytes(512) + image("whole.dd")[8192:16384])
    found = found_in(tmp_path)
    for name in ("whole.vdi", "packed.E01", "stream.vmdk"):
        behind = [path for path in found if path.startswith(f"{name}!/carved-")]
        assert [found[path] for path in behind] == ["between.jpg"]


def test_an_image_in_an_archive_is_opened(tmp_path: Path) -> None:
    members = [(name, image(name)) for name in ("fat12.dd", "packed.qcow2")]
    (tmp_path / "a.zip").write_bytes(zipped(members))
    found = found_in(tmp_path)
    assert found["a.zip!/fat12.dd!/photos/listed.jpg"] == "listed.jpg"
    assert found["a.zip!/packed.qcow2!/partition-2/photos/listed.jpg"] == "listed.jpg"
    assert list(found.values()).count("deleted.jpg") == 3


def test_without_the_libraries_the_row_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "dissect.fat", None)
    stream = io.BytesIO(image("fat12.dd"))
    assert disk.recognises(stream.read(512), stream)
    with pytest.raises(MemberError, match=r"imgscan\[disk\]") as raised:
        list(disk.members(stream, "a.dd", Limits(), ()))
    assert raised.value.status is Status.UNSUPPORTED


def test_other_files_are_no_disks() -> None:
    for data in (jpeg(1), bytes(4096), b"MZ" + bytes(600), b"\xeb\x3c\x90" + bytes(2000)):
        stream = io.BytesIO(data)
        assert not disk.recognises(data[:512], stream)


def test_a_partition_that_nothing_opens_has_a_row(tmp_path: Path) -> None:
    data = bytearray(image("whole.dd"))
    start = 6144 * 512
    data[start : start + (4 << 20)] = bytes(4 << 20)
    (tmp_path / "blank.dd").write_bytes(data)
    data[start : start + 8] = b"\xeb\x58\x90-FVE-"
    data[start + 3 : start + 11] = b"-FVE-FS-"
    (tmp_path / "locked.dd").write_bytes(data)
    data[start : start + 16] = b"what is this?\0\1\2"
    (tmp_path / "other.dd").write_bytes(data)
    outcomes = {path: status for path, (status, _) in rows(walked(tmp_path)).items()}
    assert outcomes == {
        "locked.dd!/partition-2": Status.ENCRYPTED,
        "other.dd!/partition-2": Status.UNSUPPORTED,
    }


def test_a_volume_that_cannot_be_opened_is_searched(tmp_path: Path) -> None:
    data = bytearray(image("ntfs.dd"))
    struct.pack_into("<Q", data, 48, 1 << 40)  # where the table of files begins
    (tmp_path / "a.dd").write_bytes(data)
    assert rows(walked(tmp_path))["a.dd"][0] is Status.UNSUPPORTED
    assert "listed.jpg" in found_in(tmp_path).values()


def test_no_other_file_is_opened_for_an_image(tmp_path: Path) -> None:
    """A snapshot names its parent, which could be any file of the machine."""
    secret = tmp_path / "secret.vmdk"
    secret.write_bytes(image("whole.vmdk"))
    evidence = tmp_path / "evidence"
    evidence.mkdir()
    lay_out(evidence, "several.vmdk", "several-s001.vmdk")
    descriptor = evidence / "several.vmdk"
    text = descriptor.read_bytes()
    told = b'parentCID=1234abcd\nparentFileNameHint="' + str(secret).encode() + b'"'
    descriptor.write_bytes(text.replace(b"parentCID=ffffffff", told))
    (evidence / "b.qcow2").write_bytes(_with_parent(image("whole.qcow2"), b"../secret.vmdk"))
    escaping = text.replace(b'"several-s001.vmdk"', b'"../secret.vmdk"')
    (evidence / "escaping.vmdk").write_bytes(escaping)
    outcomes = {path: status for path, (status, _) in rows(walked(evidence)).items()}
    assert outcomes == {
        "several.vmdk!/joined": Status.UNSUPPORTED,
        "b.qcow2": Status.UNSUPPORTED,
        "escaping.vmdk": Status.UNSUPPORTED,
    }


def _with_parent(data: bytes, name: bytes) -> bytes:
    changed = bytearray(data)
    place = 512
    struct.pack_into(">QI", changed, 8, place, len(name))
    changed[place : place + len(name)] = name
    return bytes(changed)


def test_a_partition_that_the_image_lacks_has_a_row(tmp_path: Path) -> None:
    data = image("whole.dd")
    (tmp_path / "a.dd").write_bytes(data[: 6144 * 512])
    status, sentence = rows(walked(tmp_path))["a.dd!/partition-2"]
    assert status is Status.UNREADABLE
    assert f"{8192 * 512:,} bytes" in sentence


def test_a_disk_of_far_more_than_is_stored_is_not_read(tmp_path: Path) -> None:
    data = bytearray(image("packed.qcow2"))
    struct.pack_into(">Q", data, 24, 1 << 60)
    (tmp_path / "a.qcow2").write_bytes(data)
    assert rows(walked(tmp_path))["a.qcow2"][0] is Status.OVER_LIMIT


def test_a_coded_picture_on_a_stored_disk_is_read_by_a_worker(tmp_path: Path) -> None:
    """No library takes an image apart in the process of the scan itself."""
    data = bytearray(image("whole.vdi"))
    free = data.index(image("whole.dd")[8192:8292])
    coded = base64.b64encode(jpeg(1))
    data[free : free + len(coded)] = coded
    (tmp_path / "a.vdi").write_bytes(data)
    [found] = [it for it in walked(tmp_path) if it.path == "a.vdi!/disk"]
    assert isinstance(found, Found)
    assert found.fate is not None
    outcome = take_hashes(found.source, found.fate, found.stamp, Limits(), gaps=found.gaps)
    assert outcome.carved is not None
    cut = [it for it in entries(found, outcome.carved, Limits()) if isinstance(it, Found)]
    coded_parts = [it.part for it in cut if it.part is not None and it.part.coding == BASE64]
    assert [read(part, Limits()) for part in coded_parts] == [jpeg(1)]


@pytest.mark.parametrize("name", ["whole.vdi", "dynamic.vhd", "packed.qcow2", "stream.vmdk"])
def test_a_damaged_image_has_a_row(name: str, tmp_path: Path) -> None:
    data = image(name)
    (tmp_path / name).write_bytes(data[: len(data) // 2])
    entries = walked(tmp_path)
    unread = [status for status, _ in rows(entries).values() if status is not Status.CONTAINER]
    assert unread
