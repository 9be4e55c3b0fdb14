"""Protects: every content gets its status, size and hash, and no content raises."""

from __future__ import annotations

import hashlib
import io
import os
import random
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scanner.containers.container import CHUNK_BYTES
from scanner.hashes.hashing import Hashing
from scanner.hashes.known import read_lists
from scanner.limits import Limits
from scanner.model import Domain
from scanner.preprocess import Preprocessing
from scanner.record import Status
from scanner.sources.found import Fate, Stamp
from scanner.workers.examine import examine
from scanner.workers.examined import Shown
from scanner.workers.streamed import take_hashes
from tests.conftest import EVERY_SIZE, encoded, image_bytes

OPENED = Fate("an archive", Status.CONTAINER, "an archive; what is in it has rows of its own")


@pytest.mark.parametrize(
    ("data", "status", "sentence"),
    [
        (b"", Status.NOT_IMAGE, "the file is empty"),
        (b"text", Status.NOT_IMAGE, "text; no picture begins anywhere in it"),
        (image_bytes("PNG")[:200], Status.UNREADABLE, "damaged or of an unknown kind"),
        (encoded(Image.new("RGB", (9, 9)), "EPS"), Status.UNSUPPORTED, "PostScript"),
        (image_bytes("PNG", size=(40, 30)), Status.OVER_LIMIT, "40x30 pixels are more than"),
    ],
)
def test_what_is_not_scored_says_why(data: bytes, status: Status, sentence: str) -> None:
    examined = examine(data, EVERY_SIZE, Limits(pixels=1100))
    assert examined.status is status
    assert examined.error is not None
    assert sentence in examined.error
    assert examined.view is None
    assert examined.sha256 == hashlib.sha256(data).hexdigest()
    assert examined.bytes == len(data)


def test_an_image_has_its_facts_and_its_view() -> None:
    data = image_bytes("PNG", size=(50, 40))
    examined = examine(data, EVERY_SIZE, Limits())
    assert examined.status is Status.SCORED
    assert (examined.format, examined.width, examined.height, examined.frames) == ("PNG", 50, 40, 1)
    assert examined.view is not None
    assert examined.view.shape == (32, 32, 3)
    assert examined.error is None


def test_a_page_has_the_view_of_the_one_model_for_its_size() -> None:
    """The first of two that would take it, and none where none would."""
    views = [
        Shown(Domain("small", 32, 32), Preprocessing(8)),
        Shown(Domain("large", 40, 60), Preprocessing(16)),
        Shown(Domain("also large", 50, 60), Preprocessing(4)),
    ]
    for size, model, side in (((32, 32), 0, 8), ((50, 60), 1, 16), ((60, 50), 1, 16)):
        examined = examine(image_bytes("PNG", size=size), views, Limits())
        assert examined.view is not None
        assert (examined.model, examined.view.shape) == (model, (side, side, 3))
    for size in ((32, 40), (35, 35), (61, 50)):
        clear = Image.new("RGBA", size)
        for data in (image_bytes("PNG", size=size), encoded(clear, "PNG")):
            outside = examine(data, views, Limits())
            assert (outside.status, outside.width, outside.height) == (Status.SCORED, *size)
            assert (outside.model, outside.view, outside.doubt) == (None, None, None)


def test_a_file_and_a_member_with_its_bytes_are_the_same(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(image_bytes())
    file, member = examine(path, EVERY_SIZE, Limits()), examine(image_bytes(), EVERY_SIZE, Limits())
    assert file.view is not None
    assert member.view is not None
    assert file.view.tobytes() == member.view.tobytes()
    assert (file.sha256, file.bytes, file.format) == (member.sha256, member.bytes, member.format)


def test_a_file_over_the_size_limit_is_hashed_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(image_bytes())
    size = path.stat().st_size
    assert examine(path, EVERY_SIZE, Limits(file_bytes=size)).status is Status.SCORED
    examined = examine(path, EVERY_SIZE, Limits(file_bytes=size - 1), Hashing(md5=True))
    assert examined.status is Status.OVER_LIMIT
    assert examined.error == f"larger than the limit of {size - 1:,} bytes"
    assert examined.bytes == size
    assert examined.sha256 == hashlib.sha256(image_bytes()).hexdigest()
    assert examined.md5 == hashlib.md5(image_bytes()).hexdigest()


def test_a_container_is_hashed_and_keeps_its_fate(tmp_path: Path) -> None:
    """It is looked up, too, but --skip-known comes too late: it was opened."""
    data = random.Random(0).randbytes(3 * CHUNK_BYTES + 1)
    (tmp_path / "a").write_bytes(data)
    (tmp_path / "list").write_text(hashlib.md5(data).hexdigest())
    known = read_lists([tmp_path / "list"], tmp_path / "index")
    hashing = Hashing(known=known, skip_known=True)
    limits = Limits(file_bytes=5)
    for source in (tmp_path / "a", data):
        examined = take_hashes(source, OPENED, None, limits, hashing)
        assert (examined.status, examined.error) == (OPENED.status, OPENED.error)
        assert examined.sha256 == hashlib.sha256(data).hexdigest()
        assert (examined.known, examined.bytes) == ("list", len(data))
    too_large = examine(tmp_path / "a", EVERY_SIZE, limits, hashing)
    assert (too_large.status, too_large.known) == (Status.KNOWN, "list"), "it was not opened"


def test_hashing_takes_memory_for_a_chunk_only(tmp_path: Path) -> None:
    with (tmp_path / "a").open("wb") as stream:
        stream.truncate(100 * CHUNK_BYTES)
    tracemalloc.start()
    assert take_hashes(tmp_path / "a", OPENED, None, Limits()).bytes == 100 * CHUNK_BYTES
    assert (
        examine(tmp_path / "a", EVERY_SIZE, Limits(file_bytes=9, ratio=10**6)).bytes
        == 100 * CHUNK_BYTES
    )
    held = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert held < 4 * CHUNK_BYTES


def test_a_container_that_changed_while_it_was_read_is_not_hashed(tmp_path: Path) -> None:
    """The hash of the new bytes would stand beside members of the old ones."""
    path = tmp_path / "a"
    path.write_bytes(b"old")
    facts = path.stat()
    stamp = Stamp(facts.st_size, facts.st_mtime_ns)
    assert take_hashes(path, OPENED, stamp, Limits()).status is OPENED.status
    path.write_bytes(b"newer")
    changed = take_hashes(path, OPENED, stamp, Limits())
    assert (changed.status, changed.sha256) == (Status.UNREADABLE, None)
    assert changed.error == "an archive that changed while it was scanned"


def test_a_container_that_is_gone_before_it_is_hashed(tmp_path: Path) -> None:
    """What is known of it is said; that it could be opened, but not hashed, is a failure."""
    locked = Fate("an archive", Status.ENCRYPTED, "the archive is encrypted")
    examined = take_hashes(tmp_path / "gone", locked, None, Limits())
    assert (examined.status, examined.error) == (locked.status, locked.error)
    for fate in (OPENED, Fate("an archive", Status.NOT_IMAGE, "an archive without files")):
        examined = take_hashes(tmp_path / "gone", fate, None, Limits())
        assert examined.status is Status.UNREADABLE
        assert examined.error == "the file cannot be read: No such file or directory"


@pytest.mark.skipif(os.name != "posix", reason="POSIX lets a file lose its name")
def test_a_file_that_is_gone_has_a_row(tmp_path: Path) -> None:
    examined = examine(tmp_path / "gone", EVERY_SIZE, Limits())
    assert examined.status is Status.UNREADABLE
    assert examined.error == "the file cannot be read: No such file or directory"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "ICO", "PPM", "TGA"])
def test_no_damage_raises(kind: str) -> None:
    data = image_bytes(kind)
    for place in range(0, len(data), max(1, len(data) // 60)):
        spoilt = bytearray(data)
        spoilt[place] ^= 0xFF
        for version in (bytes(spoilt), data[:place]):
            examined = examine(version, EVERY_SIZE, Limits(pixels=10**6))
            assert (examined.status is Status.SCORED) == (examined.view is not None)
            assert (examined.status is Status.SCORED) == (examined.error is None)


def test_a_thumbnail_is_made_of_every_page_where_pictures_are_wanted() -> None:
    first, *others = (Image.new("RGB", (100, 80), (level,) * 3) for level in (10, 120, 240))
    data = encoded(first, "TIFF", save_all=True, append_images=others)
    chief = examine(data, EVERY_SIZE, Limits(), pictures=True)
    seen = []
    for page in (chief, *chief.further):
        assert page.thumbnail is not None
        with Image.open(io.BytesIO(page.thumbnail)) as small:
            seen.append(np.asarray(small).mean())
        assert page.shown == (100, 80)
    assert seen == pytest.approx([10, 120, 240], abs=5)
    plain = examine(data, EVERY_SIZE, Limits())
    assert {page.thumbnail for page in (plain, *plain.further)} == {None}
    assert {page.shown for page in (plain, *plain.further)} == {None}


def test_what_no_model_judges_has_one_as_well() -> None:
    exif = Image.Exif()
    exif[274] = 6
    data = encoded(Image.new("RGB", (90, 70)), "JPEG", exif=exif)
    examined = examine(data, (), Limits(), pictures=True)
    assert (examined.width, examined.height, examined.shown) == (90, 70, (70, 90))
    assert examined.thumbnail is not None
    assert examine(b"no picture", (), Limits(), pictures=True).thumbnail is None


@pytest.mark.parametrize("error", [MemoryError(), OSError("encoder error -2"), KeyError("WEBP")])
def test_a_thumbnail_that_cannot_be_made_changes_nothing(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(rgb: Image.Image) -> bytes:
        raise error

    data = image_bytes("PNG", size=(100, 80))
    plain = examine(data, EVERY_SIZE, Limits(), carve=False)
    monkeypatch.setattr("scanner.workers.examine.thumbnail", fail)
    examined = examine(data, EVERY_SIZE, Limits(), carve=False, pictures=True)
    assert examined.thumbnail is None
    for name in vars(plain).keys() - {"view", "shown"}:
        assert getattr(examined, name) == getattr(plain, name)
    assert np.array_equal(examined.view, plain.view)  # type: ignore[arg-type]
