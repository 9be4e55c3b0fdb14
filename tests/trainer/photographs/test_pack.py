"""Protects: shards hold every picture, small and whole, and any of them make a folder of data."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

from tests.trainer.photographs.conftest import EACH, SOURCES
from trainer.data.examples import DataError
from trainer.photographs import pack as command
from trainer.photographs.small import small
from trainer.photographs.sources import read_photographs, source_sizes


def packed(data: Path, out: Path, *more: str) -> str:
    words = ["--data", str(data), "--files", str(data.parent / "files"), "--out", str(out), *more]
    done = CliRunner().invoke(command.main, words)
    assert done.exit_code == 0, done.output
    return done.output


def test_the_shards_hold_the_data_again(data: Path, tmp_path: Path) -> None:
    assert f"{7 * EACH} pictures in 1 shards" in packed(data, tmp_path / "shards")
    with tarfile.open(tmp_path / "shards" / "0.tar") as tar:
        tar.extractall(tmp_path / "unpacked", filter="data")
    before = read_photographs(data, data.parent / "files")
    after = read_photographs(tmp_path / "unpacked", None)
    facts = [
        [(p.sha256, p.label, p.source, p.group, p.made_by, p.licence) for p in them]
        for them in (before, after)
    ]
    assert facts[0] == facts[1]
    for large, copy in zip(before, after, strict=True):
        with Image.open(large.path) as whole, Image.open(copy.path) as picture:
            assert picture.size == small(whole.convert("RGB")).size


def test_no_shard_is_larger_than_said_and_some_of_them_will_do(data: Path, tmp_path: Path) -> None:
    photographs = read_photographs(data, data.parent / "files")
    largest = 400_000
    shards = command.pack(photographs, tmp_path, largest)
    assert len(shards) > 2
    assert all(largest / 2 < shard.stat().st_size <= largest for shard in shards[:-1])
    assert shards[-1].stat().st_size <= largest
    for shard in shards[1:]:
        with tarfile.open(shard) as tar:
            tar.extractall(tmp_path / "unpacked", filter="data")
    some = read_photographs(tmp_path / "unpacked", None)
    assert 0 < len(some) < len(photographs)
    assert {photograph.source for photograph in some} == set(SOURCES)


def test_no_source_has_more_than_the_most(data: Path, tmp_path: Path) -> None:
    photographs = read_photographs(data, data.parent / "files")
    some = command.some_of_each(photographs, 2)
    assert set(source_sizes(some).values()) == {2}
    assert set(source_sizes(some)) == set(source_sizes(photographs))
    assert "14 pictures" in packed(data, tmp_path, "--most", "2")


def test_an_image_that_is_not_there_is_not_packed(data: Path, tmp_path: Path) -> None:
    next((data.parent / "files" / "clone").iterdir()).unlink()
    assert f"{7 * EACH - 1} pictures" in packed(data, tmp_path / "shards")


def test_what_cannot_be_packed_is_told(data: Path, tmp_path: Path) -> None:
    packed(data, tmp_path)
    words = ["--data", str(data), "--files", str(data.parent / "files"), "--out"]
    again = CliRunner().invoke(command.main, [*words, str(tmp_path)])
    assert again.exit_code == 1
    assert "has shards already; remove them" in again.output
    for image in (data.parent / "files" / "clone").iterdir():
        image.unlink()
    none = CliRunner().invoke(command.main, [*words, str(tmp_path / "others")])
    assert none.exit_code == 1
    assert "name a folder that has them with --files" in none.output


def test_a_broken_picture_is_named(data: Path, tmp_path: Path) -> None:
    photographs = read_photographs(data, None)
    photographs[3].path.write_bytes(b"\xff\xd8\xff\xe0 no more")
    with pytest.raises(DataError, match=f"^{photographs[3].path} cannot be decoded"):
        command.pack(photographs, tmp_path, 2**20)
