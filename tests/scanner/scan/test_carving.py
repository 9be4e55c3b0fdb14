"""Protects: a hidden picture has a row, whatever it hides in, and that is not called clean.

The evidence is of the kinds in which examiners find pictures that no file system lists.
"""

from __future__ import annotations

import base64
import hashlib
import io
import random
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from scanner.backends.choose import open_backend
from scanner.images.jpeg import jpeg_damage
from scanner.limits import Limits
from scanner.model import open_model
from scanner.record import Record, Status
from scanner.scan.journal import Journal
from scanner.scan.pipeline import Pipeline
from scanner.scan.records import records as scan_records
from scanner.scan.scorers import Scorer
from tests.scanner.carving.pictures import jpeg, uuencoded, zip_entry
from tests.scanner.scan.hiding import (
    HIDDEN,
    SHOWN,
    a_folder_with_content,
    behind_the_size,
    database,
    deflated,
    ext_volume,
    gzip_comment,
    image_object,
    in_an_extra_field,
    pdf,
    plain_object,
    replaced_revision,
    tar_padding,
    tarred,
    unlisted,
    volume,
    with_sizes,
    zipped,
)


def scan(
    root: Path, model_file: Path, carve: bool = True, workers: int = 2, **limits: Any
) -> dict[str, Record]:
    model = open_model(str(model_file))
    journal = Journal(root.with_suffix(".journal"), fresh=True)
    journal.begin({})
    scorer = Scorer(model, open_backend(model, "cpu", 1, 4))
    pipeline = Pipeline([root], [scorer], journal, Limits(**limits), workers, carve=carve)
    pipeline.run(lambda _: None)
    found = {record.path: record for record in scan_records(journal)}
    journal.remove()
    return found


# Name: what lies there, the status of the file's own row, and how many scored rows there are.
CASES: dict[str, tuple[Callable[[], bytes], Status, int]] = {
    "gap.zip": (lambda: unlisted(), Status.CONTAINER, 3),
    "comment.zip": (lambda: zipped(("a.jpg", SHOWN), comment=HIDDEN), Status.CONTAINER, 2),
    "extra.zip": (in_an_extra_field, Status.CONTAINER, 3),  # and the directory repeats it
    "size.zip": (behind_the_size, Status.CONTAINER, 2),
    "folder.zip": (a_folder_with_content, Status.CONTAINER, 2),
    "headers.tar": (tar_padding, Status.CONTAINER, 2),
    "header.gz": (gzip_comment, Status.CONTAINER, 2),
    "cut.zip": (lambda: zipped(("a", b"x"), ("b", HIDDEN))[:-60], Status.UNREADABLE, 1),
    "zeros.zip": (lambda: zipped(("a.jpg", HIDDEN)) + bytes(99_999), Status.CONTAINER, 1),
    "behind.pdf": (lambda: pdf(image_object(SHOWN), behind=HIDDEN), Status.CONTAINER, 2),
    "called-nothing.pdf": (lambda: pdf(plain_object(HIDDEN)), Status.CONTAINER, 1),
    "revision.pdf": (replaced_revision, Status.CONTAINER, 2),
    "behind.jpg": (lambda: SHOWN + HIDDEN, Status.SCORED, 2),
    "cache.db": (database, Status.CONTAINER, 1),
    "fat.dd": (volume, Status.UNSUPPORTED, 1),
    "ext.dd": (ext_volume, Status.UNSUPPORTED, 1),
    "dump.bin": (lambda: b"\x90\1" * 3_000 + HIDDEN + b"\1\x90" * 3_000, Status.CONTAINER, 1),
    "zip-in-dump.bin": (lambda: bytes(999) + zip_entry(HIDDEN) + bytes(999), Status.CONTAINER, 1),
    "page.html": (
        lambda: b'<img src="data:image/jpeg;base64,' + base64.b64encode(HIDDEN) + b'">',
        Status.CONTAINER, 1,
    ),
    "letter.rtf": (
        lambda: rb"{\rtf1 {\pict\jpegblip " + HIDDEN.hex().encode() + b"}}", Status.CONTAINER, 1,
    ),
    "mail.uue": (lambda: b"a letter\n\n" + uuencoded(HIDDEN), Status.CONTAINER, 1),
    "drawing.svg": (
        lambda: b'<svg><image href="data:image/jpeg;base64,' + base64.b64encode(HIDDEN) + b'"/>',
        Status.UNSUPPORTED, 1,
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def scanned(tmp_path_factory: pytest.TempPathFactory, brightness_model: Path) -> dict[str, Record]:
    root = tmp_path_factory.mktemp("carving") / "evidence"
    root.mkdir()
    for name, (make, _, _) in CASES.items():
        (root / name).write_bytes(make())
    # And each of them where no file can be read again: in an archive.
    (root / "all.tar").write_bytes(tarred({name: make() for name, (make, _, _) in CASES.items()}))
    return scan(root, brightness_model)


@pytest.mark.parametrize("prefix", ["", "all.tar!/"])
@pytest.mark.parametrize("name", CASES)
def test_a_hidden_picture_has_a_row(name: str, prefix: str, scanned: dict[str, Record]) -> None:
    _, status, scored = CASES[name]
    path = f"{prefix}{name}"
    assert scanned[path].status is status
    inside = [record for other, record in scanned.items() if other.startswith(f"{path}!/")]
    own = scanned[path].status is Status.SCORED
    assert sum(record.status is Status.SCORED for record in inside) + own == scored
    assert all(record.sha256 for record in inside)
    carved = f"{path}!/carved-"
    positions = {record.position for record in inside if record.path.startswith(carved)}
    assert positions <= {scanned[path].position}
    if status is Status.UNSUPPORTED:
        assert "1 picture was found in it" in (scanned[path].error or "")


def test_it_is_the_very_picture(scanned: dict[str, Record]) -> None:
    hidden = hashlib.sha256(HIDDEN).hexdigest()
    for name in ("behind.jpg", "cache.db", "fat.dd", "page.html", "letter.rtf", "mail.uue",
                 "zip-in-dump.bin", "comment.zip", "behind.pdf"):  # fmt: skip
        inside = [r for path, r in scanned.items() if path.startswith(f"{name}!/")]
        assert hidden in {record.sha256 for record in inside}, name


def test_what_becomes_of_a_part_is_not_said_of_a_copy_of_it(
    evidence: Path, brightness_model: Path
) -> None:
    """Or a copy that nobody could read would look like one that was read with the others."""
    picture = jpeg(1, side=200)
    (evidence / "a.jpg.001").write_bytes(picture[:900])
    (evidence / "a.jpg.002").write_bytes(picture[900:])
    (evidence / "copies").mkdir()
    for number, data in enumerate((picture[:900], picture[900:]), 1):
        (evidence / "copies" / f"piece {number}").write_bytes(data)
    found = scan(evidence, brightness_model)
    alone = scan(evidence / "copies", brightness_model)
    assert found["a.jpg.001!/joined"].status is Status.SCORED
    for name in ("a.jpg.001", "a.jpg.002"):
        assert (found[name].status, found[name].verdict) == (Status.CONTAINER, None)
    for path, record in alone.items():
        assert found[f"copies/{path}"].status is record.status is not Status.CONTAINER
    assert found["a.jpg.001"].sha256 == found["copies/piece 1"].sha256


def test_pictures_within_pictures_end(evidence: Path, brightness_model: Path) -> None:
    """Each in the bytes of the one before, as often as a file of a few kilobytes can hold."""
    nested = HIDDEN
    for _ in range(40):
        nested = SHOWN + zip_entry(nested)
    (evidence / "nested.jpg").write_bytes(nested)
    found = scan(evidence, brightness_model)
    deepest = max(found, key=lambda path: path.count("carved-"))
    assert deepest.count("!/carved-") == Limits().depth + 1
    assert found[deepest].status is Status.OVER_LIMIT


def test_without_carving_only_readers_find(evidence: Path, brightness_model: Path) -> None:
    for name in ("cache.db", "behind.jpg", "comment.zip", "fat.dd"):
        (evidence / name).write_bytes(CASES[name][0]())
    found = scan(evidence, brightness_model, carve=False)
    assert {path: record.status for path, record in found.items()} == {
        "behind.jpg": Status.SCORED,
        "cache.db": Status.NOT_IMAGE,
        "comment.zip": Status.CONTAINER,
        "comment.zip!/a.jpg": Status.SCORED,
        "fat.dd": Status.UNSUPPORTED,
    }
    assert "not searched" in (found["cache.db"].error or "")


def test_a_file_too_large_to_be_held_is_searched(evidence: Path, brightness_model: Path) -> None:
    (evidence / "disk.bin").write_bytes(b"a text \n" * 400_000 + HIDDEN + bytes(1 << 20) + SHOWN)
    (evidence / "large.jpg").write_bytes(jpeg(3, side=500) + bytes(9) + HIDDEN)
    found = scan(evidence, brightness_model, file_bytes=50_000)
    assert {path: record.status for path, record in found.items()} == {
        "disk.bin": Status.CONTAINER,
        f"disk.bin!/carved-{3_200_000}.jpg": Status.SCORED,
        f"disk.bin!/carved-{3_200_000 + len(HIDDEN) + (1 << 20)}.jpg": Status.SCORED,
        "large.jpg": Status.OVER_LIMIT,
        f"large.jpg!/carved-{len(jpeg(3, side=500)) + 9}.jpg": Status.SCORED,
    }


def test_a_fragmented_picture_gets_no_verdict(evidence: Path, brightness_model: Path) -> None:
    """What a disk image holds in pieces decodes all the same, and half of it is made up."""
    whole = jpeg(4)
    cluster = b"the cluster of another file " * 4
    broken_ones = (
        whole[:at] + cluster + whole[at + len(cluster) :]
        for at in range(whole.index(b"\xff\xda") + 14, len(whole) - 200)
    )
    pieces = next(data for data in broken_ones if jpeg_damage(data))
    (evidence / "disk.bin").write_bytes(bytes(600) + pieces + bytes(600) + whole)
    found = scan(evidence, brightness_model)
    broken = found["disk.bin!/carved-600.jpg"]
    sound = found[f"disk.bin!/carved-{600 + len(whole) + 600}.jpg"]
    assert broken.p_fake is None
    assert "damaged" in (broken.reason or "") + (broken.error or "")
    assert sound.p_fake is not None


def test_what_is_told_of_but_has_no_row(evidence: Path, brightness_model: Path) -> None:
    film = struct.pack(">I4s4sI4s", 20, b"ftyp", b"isom", 0, b"mp42")
    film += struct.pack(">I4s", 16, b"mdat") + bytes(8)
    (evidence / "motion.jpg").write_bytes(SHOWN + film)
    note = b"http://ns.adobe.com/xap/1.0/\0<x hdrgm:Version='1.0'/>"
    gain = HIDDEN[:2] + b"\xff\xe1" + struct.pack(">H", len(note) + 2) + note + HIDDEN[2:]
    (evidence / "hdr.jpg").write_bytes(SHOWN + gain)
    found = scan(evidence, brightness_model)
    assert set(found) == {"motion.jpg", "hdr.jpg"}
    assert "film_behind" in (found["motion.jpg"].evidence or "")
    assert "gain_map_behind" in (found["hdr.jpg"].evidence or "")


def test_the_pictures_of_a_multi_picture_file_are_pages_alone(
    evidence: Path, brightness_model: Path
) -> None:
    stream = io.BytesIO()
    frames = [Image.open(io.BytesIO(jpeg(seed))) for seed in (5, 6, 7)]
    frames[0].save(stream, "MPO", save_all=True, append_images=frames[1:])
    (evidence / "a.mpo").write_bytes(stream.getvalue())
    assert set(scan(evidence, brightness_model)) == {"a.mpo"}
    (evidence / "a.mpo").write_bytes(stream.getvalue() + HIDDEN)
    found = scan(evidence, brightness_model)
    assert set(found) == {"a.mpo", f"a.mpo!/carved-{len(stream.getvalue())}.jpg"}


def test_limits_hold_for_what_is_found(evidence: Path, brightness_model: Path) -> None:
    (evidence / "disk.bin").write_bytes(b"\0" + b"\0".join(jpeg(seed) for seed in range(6)))
    (evidence / "a.jpg").write_bytes(b"".join(jpeg(seed) for seed in range(10, 16)))
    found = scan(evidence, brightness_model, members=4)
    assert len(found) == 2 + 4 + 4 + 2
    for name in ("disk.bin", "a.jpg"):
        rest = found[f"{name}!/carved-rest"]
        assert rest.status is Status.OVER_LIMIT
        assert rest.error == "the file holds more than 4 pictures; the rest was not searched"
    found = scan(evidence, brightness_model, archive_bytes=2 * len(jpeg()) + 99)
    assert found["disk.bin!/carved-rest"].status is Status.OVER_LIMIT
    assert sum(path.startswith("disk.bin!/carved-") for path in found) == 3


def test_a_replaced_image_that_was_compressed(evidence: Path, brightness_model: Path) -> None:
    """It is no file of its own in there, so that only the document's reader can tell it."""
    pixels = zlib.compress(Image.open(io.BytesIO(HIDDEN)).tobytes())
    facts = b"/Type /XObject /Subtype /Image /Width 32 /Height 32 /BitsPerComponent 8"
    facts += b" /ColorSpace /DeviceRGB /Filter /FlateDecode"
    image = b"<< %s /Length %d >>\nstream\n%s\nendstream" % (facts, len(pixels), pixels)
    (evidence / "a.pdf").write_bytes(replaced_revision(image))
    found = scan(evidence, brightness_model)
    place = replaced_revision(image).index(b"4 0 obj")
    assert {path: record.status for path, record in found.items()} == {
        "a.pdf": Status.CONTAINER,
        "a.pdf!/object-4.jpg": Status.SCORED,
        f"a.pdf!/unused-{place}.png": Status.SCORED,
    }


def test_what_hides_behind_a_compressed_member(evidence: Path, brightness_model: Path) -> None:
    """Behind its end in the bytes that are counted as its own, or in what it expands to."""
    (evidence / "behind.zip").write_bytes(with_sizes(deflated(SHOWN) + HIDDEN, SHOWN))
    (evidence / "inside.zip").write_bytes(with_sizes(deflated(SHOWN + HIDDEN), SHOWN))
    (evidence / "honest.zip").write_bytes(with_sizes(deflated(SHOWN), SHOWN))
    found = scan(evidence, brightness_model)
    place = 35 + len(deflated(SHOWN))
    assert {path: record.status for path, record in found.items()} == {
        "behind.zip": Status.CONTAINER,
        "behind.zip!/a.jpg": Status.SCORED,
        f"behind.zip!/carved-{place}.jpg": Status.SCORED,
        "honest.zip": Status.CONTAINER,
        "honest.zip!/a.jpg": Status.SCORED,
        "inside.zip": Status.CONTAINER,
        "inside.zip!/a.jpg": Status.UNREADABLE,
        "inside.zip!/carved-0.jpg": Status.SCORED,
        f"inside.zip!/carved-0.jpg!/carved-{len(SHOWN)}.jpg": Status.SCORED,
    }
    assert "more bytes than the archive says" in (found["inside.zip!/a.jpg"].error or "")


def test_rows_do_not_depend_on_who_comes_first(evidence: Path, brightness_model: Path) -> None:
    """The same bytes lie there as a file, as a member, as what was found, and in another place."""
    behind = SHOWN + HIDDEN
    (evidence / "a.txt").write_bytes(b"a text: " + base64.b64encode(behind))
    (evidence / "b.bin").write_bytes(b"\0" * 99 + zip_entry(behind) + HIDDEN)
    (evidence / "c.zip").write_bytes(zipped(("c.jpg", behind), ("d.jpg", HIDDEN)))
    (evidence / "z.jpg").write_bytes(behind)
    (evidence / "zip-behind.jpg").write_bytes(behind + zipped(("e.jpg", SHOWN)))
    (evidence / "zip-behind.zip").write_bytes(zipped(("f", behind + zipped(("e.jpg", SHOWN)))))
    limits: list[dict[str, Any]] = [{}, {"depth": 1}, {"total_bytes": 3_000}]
    found = [
        scan(evidence, brightness_model, workers=workers, **each)
        for each in limits
        for workers in (1, 4)
    ]
    for one, other in ((0, 1), (2, 3), (4, 5)):
        assert found[one] == found[other]
    assert sum(record.status is Status.SCORED for record in found[0].values()) > 12


def test_secrets_between_members_and_behind_images_are_told(
    evidence: Path, brightness_model: Path
) -> None:
    noise = random.Random(0).randbytes(1 << 18)
    archive = zipped(("a.jpg", SHOWN))
    (evidence / "a.zip").write_bytes(noise + archive)
    (evidence / "gap.zip").write_bytes(unlisted(method=zipfile.ZIP_BZIP2))
    (evidence / "b.jpg").write_bytes(SHOWN + noise)
    (evidence / "c.jpg").write_bytes(SHOWN + b"a text " * 40_000)
    found = scan(evidence, brightness_model)
    rests = {path: record for path, record in found.items() if path.endswith("carved-rest")}
    assert set(rests) == {"gap.zip!/carved-rest", "b.jpg!/carved-rest"}
    assert {record.status for record in rests.values()} == {Status.UNSUPPORTED}
    assert found["a.zip"].status is Status.UNSUPPORTED
    assert found["c.jpg"].status is Status.SCORED
