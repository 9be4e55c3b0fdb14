"""Protects: a class that its containers give away is caught, and a fair folder is let pass."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from click.testing import CliRunner
from PIL.PngImagePlugin import PngInfo

from tests.conftest import run_module
from tests.pictures import picture
from trainer.audit import Audit, audit, main
from trainer.data.examples import DataError, read_examples

COUNT = 80  # of each class


def write(
    folder: Path, fake: bool, number: int, suffix: str, side: int = 40, **how: object
) -> None:
    image = picture(np.random.default_rng([number, fake]), fake, side, side)
    place = folder / ("fake" if fake else "real")
    place.mkdir(parents=True, exist_ok=True)
    image.save(place / f"{number:03}{suffix}", **how)  # type: ignore[arg-type]


def audited(folder: Path) -> Audit:
    return audit(read_examples(folder))


def test_a_class_that_is_a_format_is_caught_and_named(tmp_path: Path) -> None:
    for number in range(COUNT):
        write(tmp_path, False, number, ".jpg")
        write(tmp_path, True, number, ".png")
    found = audited(tmp_path)
    assert found.suspicious
    assert found.accuracy == 1
    result = CliRunner().invoke(main, [str(tmp_path)])
    assert result.exit_code == 1
    assert "WARNING" in result.output
    assert "100.0% of the time (50% is chance)" in result.output
    assert "file format alone 100.0%: real mostly JPEG (100%), fake mostly PNG (100%)" in (
        result.output
    )
    assert "what to do: save both classes in one format" in result.output


def test_a_balanced_folder_passes(tmp_path: Path) -> None:
    random = np.random.default_rng(5)
    for number in range(COUNT):
        for fake in (False, True):
            suffix = str(random.choice([".jpg", ".png", ".webp"]))
            write(tmp_path, fake, number, suffix, int(random.choice([32, 40, 57])))
    found = audited(tmp_path)
    assert not found.suspicious
    result = CliRunner().invoke(main, [str(tmp_path)])
    assert result.exit_code == 0
    assert "No shortcut found" in result.output


@pytest.mark.parametrize("fact", ["JPEG encoding", "image size", "metadata"])
def test_subtler_shortcuts_are_caught_by_their_kind(fact: str, tmp_path: Path) -> None:
    note = PngInfo()
    note.add_text("parameters", "steps 20")
    for number in range(COUNT):
        for fake in (False, True):
            odd = fake and number % 4 != 0  # three quarters of the fakes
            if fact == "JPEG encoding":
                write(tmp_path, fake, number, ".jpg", quality=75 if odd else 90)
            elif fact == "image size":
                write(tmp_path, fake, number, ".png", 64 if odd else 40 + number % 5)
            else:
                write(tmp_path, fake, number, ".png", pnginfo=note if odd else None)
    found = audited(tmp_path)
    assert found.suspicious
    assert found.shortcuts[0].fact == fact
    assert 0.8 < found.accuracy < 0.95


def test_one_class_far_larger_than_the_other_is_no_shortcut(tmp_path: Path) -> None:
    for number in range(COUNT):
        write(tmp_path, False, number, ".png")
        if number % 6 == 0:
            write(tmp_path, True, number, ".png")
    assert not audited(tmp_path).suspicious


def test_phone_photographs_are_read(tmp_path: Path) -> None:
    """In a process that has not decoded one yet: Pillow alone does not know HEIC."""
    for number in range(12):
        for fake in (False, True):
            place = tmp_path / ("fake" if fake else "real")
            place.mkdir(exist_ok=True)
            image = picture(np.random.default_rng([number, fake]), fake, 64, 64)
            pillow_heif.from_pillow(image).save(place / f"{number}.HEIC")
    result = run_module("trainer.audit", tmp_path)
    assert "the classes of 24 images" in result.stdout, result.stderr


def test_too_few_images_are_said_to_be_too_few(tmp_path: Path) -> None:
    for number in range(4):
        write(tmp_path, False, number, ".jpg")
        write(tmp_path, True, number, ".png")
    found = audited(tmp_path)
    assert not found.suspicious
    assert "too few images (8)" in found.in_words()


def test_an_unreadable_image_is_named(tmp_path: Path) -> None:
    for number in range(12):
        write(tmp_path, False, number, ".jpg")
        write(tmp_path, True, number, ".png")
    (tmp_path / "fake/000.png").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"fake/000\.png cannot be decoded: .*; remove it"):
        audited(tmp_path)
    result = CliRunner().invoke(main, [str(tmp_path / "absent")])
    assert result.exit_code == 1
    assert "there is no data folder" in result.output
