"""Protects: images are found by their hash, cuts stand in, and what is missing is said."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.trainer.photographs.conftest import EACH
from trainer.data.examples import DataError
from trainer.photographs.sources import read_photographs, source_sizes


def test_whole_images_are_found_by_their_hash_whatever_their_name(data: Path) -> None:
    files = data.parent / "files"
    some = sorted((files / "clone").iterdir())
    some[0].rename(files / "another name")
    found = read_photographs(data, files)
    assert all(photograph.whole for photograph in found)
    assert files / "another name" in {photograph.path for photograph in found}


def test_a_changed_file_is_not_taken_for_the_image(data: Path) -> None:
    changed = next((data.parent / "files" / "clone").iterdir())
    changed.write_bytes(changed.read_bytes() + b"\0")
    found = read_photographs(data, data.parent / "files")
    cuts = [photograph for photograph in found if not photograph.whole]
    assert [cut.path for cut in cuts] == [data / changed.name]


def test_without_files_the_cuts_are_used(data: Path) -> None:
    found = read_photographs(data, None)
    assert len(found) == 7 * EACH
    assert not any(photograph.whole for photograph in found)
    assert source_sizes(found)["four/both", 1] == EACH


def test_an_image_that_is_nowhere_is_left_out(data: Path) -> None:
    next(data.glob("*.jpg")).unlink()
    assert len(read_photographs(data, None)) == 7 * EACH - 1


def test_the_order_is_that_of_the_hashes(data: Path) -> None:
    hashes = [photograph.sha256 for photograph in read_photographs(data, None)]
    assert hashes == sorted(hashes)


def test_what_is_no_manifest_is_told(data: Path) -> None:
    (data / "manifest.csv").write_text("label,source\nreal,one\n")
    with pytest.raises(DataError, match="it lacks 'sha256'"):
        read_photographs(data, None)
    (data / "manifest.csv").unlink()
    with pytest.raises(DataError, match="there are some in results/photographs"):
        read_photographs(data, None)


def test_one_class_alone_is_refused(data: Path) -> None:
    for fake in data.glob("*fake.jpg"):
        fake.unlink()
    with pytest.raises(DataError, match="both classes"):
        read_photographs(data, None)


def test_a_folder_of_files_that_is_not_there_is_told(data: Path) -> None:
    with pytest.raises(DataError, match=r"python -m trainer\.collect makes one"):
        read_photographs(data, data / "absent")


def test_sources_of_a_group_share_it_and_others_are_their_own(data: Path) -> None:
    groups = {it.source: it.group for it in read_photographs(data, None)}
    assert groups["two/phones"] == groups["three/generator"] == "one site"
    assert groups["four/both"] == "four/both"


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        (lambda _: [], "names no images"),
        (lambda rows: [rows[0] | {"sha256": "abc"}], "'abc' where a SHA-256 belongs"),
        (lambda rows: rows[:1], "there are not some of both classes; fetch them"),
    ],
)
def test_a_manifest_that_lists_no_use_is_told(
    changed: Callable[[list[dict[str, str]]], list[dict[str, str]]], told: str, data: Path
) -> None:
    manifest = data / "manifest.csv"
    with manifest.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    with manifest.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(changed(rows))
    with pytest.raises(DataError, match=told):
        read_photographs(data, None)
