"""Protects: pictures are saved again and resized as told, and none of them harms the validation."""

from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path

import pytest
from PIL import Image

from scanner.limits import Limits
from scanner.validation.treated import TREATMENTS, NotTreated, Treater
from tests.conftest import encoded, image_bytes
from tests.scanner.scans import Stuck


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_each_treatment_is_what_its_name_says(tmp_path: Path) -> None:
    data = image_bytes("PNG", size=(80, 60))
    (tmp_path / "a.png").write_bytes(data)
    with Treater(Limits()) as treater:
        files = treater.treat(tmp_path / "a.png", sha256(data), 1)
        assert files == treater.treat(data, sha256(data), 1), "of a member as of a file"
    images = [Image.open(io.BytesIO(file)) for file in files]
    assert [it.name for it in TREATMENTS] == [
        "saved as JPEG of quality 90", "saved as JPEG of quality 75", "saved as JPEG of quality 50",
        "saved as WebP of quality 75", "resized to 75% of its sides", "resized to 50% of its sides",
    ]  # fmt: skip
    assert [it.format for it in images] == ["JPEG", "JPEG", "JPEG", "WEBP", "PNG", "PNG"]
    assert [it.size for it in images] == [(80, 60)] * 4 + [(60, 45), (40, 30)]
    assert len(files[0]) > len(files[1]) > len(files[2])
    exact = Image.open(io.BytesIO(data)).resize((40, 30), Image.Resampling.LANCZOS)
    assert images[-1].tobytes() == exact.tobytes()


def test_a_picture_is_upright_and_tells_nothing_of_its_file() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(Image.new("RGB", (40, 20)), "JPEG", exif=exif)
    with Treater(Limits()) as treater:
        images = [Image.open(io.BytesIO(it)) for it in treater.treat(data, sha256(data), 1)]
    assert images[0].size == (20, 40)
    assert not any(len(it.getexif()) for it in images)


def test_what_fails_is_told_and_the_next_is_treated(tmp_path: Path) -> None:
    good = image_bytes()
    (tmp_path / "gone.png").write_bytes(good)
    (tmp_path / "gone.png").unlink()
    large = encoded(Image.new("RGB", (300, 300)), "PNG")
    cases: list[tuple[Path | bytes, str, str]] = [
        (good[:300], sha256(good[:300]), "damaged"),
        (good, sha256(b"other"), "changed since"),
        (tmp_path / "gone.png", sha256(good), "No such file"),
        (large, sha256(large), "pixels"),
    ]
    with Treater(Limits(pixels=50_000)) as treater:
        for source, digest, why in cases:
            with pytest.raises(NotTreated, match=why):
                treater.treat(source, digest, 1)
            assert treater.treat(good, sha256(good), 1)


@pytest.mark.skipif(os.name != "posix", reason="paths of its own kind")
def test_one_that_never_ends_is_given_up(tmp_path: Path) -> None:
    good = image_bytes()
    (tmp_path / "stuck.png").write_bytes(good)
    with Treater(Limits(seconds=1.0)) as treater:
        with pytest.raises(NotTreated, match="took too long"):
            treater.treat(Stuck(tmp_path / "stuck.png"), sha256(good), 1)
        assert treater.treat(good, sha256(good), 1)
