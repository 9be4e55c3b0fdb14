"""Protects: images are found, labelled and split without leaks, whatever they lie in."""

from __future__ import annotations

import shutil
import sys
import tarfile
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from tests.conftest import run_words
from tests.pictures import write_pictures
from trainer.data.examples import DataError, Example, read_examples, split_examples


def hashes(examples: list[Example]) -> set[str]:
    return {example.sha256 for example in examples}


@pytest.fixture(scope="module")
def unnamed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """real|fake folders without splits."""
    root = tmp_path_factory.mktemp("unnamed")
    write_pictures(root, count=100, seed=13)
    for name in ("REAL", "FAKE"):
        (root / name).rename(root / name.lower())
    return root


def test_folders_of_splits_keep_theirs_and_validation_comes_out_of_train(named: Path) -> None:
    examples = read_examples(named)
    assert len(examples) == 160
    for example in examples:
        split, folder, _ = example.name.split("/")
        assert (example.split, example.label) == (split, int(folder == "FAKE"))
    splits = split_examples(examples)
    assert [example.name for example in splits.test] == [
        example.name for example in examples if example.split == "test"
    ]
    assert len(splits.train) + len(splits.validation) == 120
    assert not hashes(splits.train) & hashes(splits.validation)


def test_a_named_validation_split_is_kept(named: Path, tmp_path: Path) -> None:
    shutil.copytree(named, tmp_path / "data")
    write_pictures(tmp_path / "data" / "valid", count=5, seed=15)
    splits = split_examples(read_examples(tmp_path / "data"))
    assert (len(splits.train), len(splits.validation), len(splits.test)) == (120, 10, 40)


def test_calibration_sees_no_training_image(named: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(named, data)
    write_pictures(data / "validation", count=5, seed=15)
    for label in ("REAL", "FAKE"):
        shutil.copy(data / f"train/{label}/0007.png", data / f"validation/{label}/copy.png")
    splits = split_examples(read_examples(data))
    assert (len(splits.train), len(splits.validation)) == (120, 10)
    assert not hashes(splits.train) & hashes(splits.validation)
    shutil.rmtree(data / "validation/FAKE")
    shutil.copytree(data / "train/FAKE", data / "validation/FAKE")
    with pytest.raises(DataError, match="the validation split has no images of both classes that"):
        split_examples(read_examples(data))


def test_folders_without_splits_are_cut_in_three(unnamed: Path) -> None:
    examples = read_examples(unnamed)
    splits = split_examples(examples)
    parts = [splits.train, splits.validation, splits.test]
    assert sum(map(len, parts)) == len(examples) == 200
    assert hashes(splits.train) | hashes(splits.validation) | hashes(splits.test) == hashes(
        examples
    )
    assert len(splits.train) > 3 * max(len(splits.validation), len(splits.test))
    assert splits == split_examples(read_examples(unnamed)), "the cut is not repeatable"


def test_the_cut_depends_on_content_and_not_on_names(unnamed: Path) -> None:
    examples = read_examples(unnamed)
    renamed = [replace(e, name=f"{n:05}") for n, e in enumerate(reversed(examples))]
    assert hashes(split_examples(renamed).test) == hashes(split_examples(examples).test)


def test_identical_bytes_stay_on_one_side(unnamed: Path, tmp_path: Path) -> None:
    for label in ("real", "fake"):
        for copy in ("a", "b", "c"):
            shutil.copytree(unnamed / label, tmp_path / copy / label)
    splits = split_examples(read_examples(tmp_path))
    parts = [splits.train, splits.validation, splits.test]
    assert sum(map(len, parts)) == 600
    assert sum(len(hashes(part)) for part in parts) == 200
    assert len(splits.test_deleaked) == len(splits.test) // 3


def test_leaked_and_repeated_test_images_leave_the_deleaked_set(
    named: Path, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    shutil.copytree(named, data)
    splits = split_examples(read_examples(data))
    for number, example in enumerate([splits.train[0], splits.validation[0]]):
        (data / f"test/FAKE/leak{number}.png").write_bytes(example.read())
    shutil.copy(data / "test/REAL/0000.png", data / "test/REAL/repeat.png")
    found = split_examples(read_examples(data))
    assert len(found.test) == 43, "the published test set must stay whole"
    assert len(found.test_deleaked) == 40
    assert hashes(found.test_deleaked) == hashes(splits.test)


@pytest.mark.parametrize("suffix", ["tar.xz", "tar.gz", "tar"])
def test_archives_read_as_the_folders_they_hold_and_nothing_is_unpacked(
    suffix: str, named: Path, tmp_path: Path
) -> None:
    mode = "w:" + suffix.removeprefix("tar").removeprefix(".")
    for part in ("train/REAL", "train/FAKE", "test"):
        name = tmp_path / f"{part.replace('/', '_')}.{suffix}"
        with tarfile.open(name, mode) as archive:  # type: ignore[call-overload]
            archive.add(named / part, part)
    before = sorted(tmp_path.rglob("*"))
    packed = read_examples(tmp_path)
    plain = read_examples(named)
    assert [(e.name, e.split, e.label, e.sha256) for e in packed] == [
        (e.name, e.split, e.label, e.sha256) for e in plain
    ]
    assert packed[0].read() == plain[0].read()
    assert sorted(tmp_path.rglob("*")) == before


def test_what_is_no_example_is_passed_over(named: Path, tmp_path: Path) -> None:
    shutil.copytree(named, tmp_path / "data")
    (tmp_path / "data/train/REAL/notes.txt").write_text("not an image")
    (tmp_path / "data/train/preview.png").write_bytes(b"of no class")
    (tmp_path / "data/train/REAL/folder.png").mkdir()
    assert len(read_examples(tmp_path / "data")) == 160


@pytest.mark.parametrize("packed", [False, True])
def test_files_of_other_kinds_in_labelled_folders_are_counted(
    packed: bool, named: Path, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    shutil.copytree(named, data)
    (data / "notes.txt").write_text("of no class")
    for name in ("a.TXT", "b.txt", "c.nef", "d"):
        (data / "train/REAL" / name).write_text("not an image")
    (data / "train/REAL/folder").mkdir()
    if packed:
        with tarfile.open(tmp_path / "data.tar", "w") as archive:
            archive.add(data, ".")
        shutil.rmtree(data)
    left_out: Counter[str] = Counter()
    assert len(read_examples(tmp_path, left_out)) == 160
    assert left_out == {".txt": 2, ".nef": 1, "no suffix": 1}


def test_missing_data_is_said_in_a_sentence_that_helps(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"there is no data folder .*absent.*Kaggle.*--data"):
        read_examples(tmp_path / "absent")
    with pytest.raises(DataError, match=r"holds no images of both classes.*REAL and SPLIT/FAKE"):
        read_examples(tmp_path)


def test_one_class_alone_is_refused(tmp_path: Path) -> None:
    write_pictures(tmp_path, count=3, seed=1)
    shutil.rmtree(tmp_path / "FAKE")
    with pytest.raises(DataError, match="no images of both classes"):
        read_examples(tmp_path)


def test_a_split_without_both_classes_is_named(named: Path, tmp_path: Path) -> None:
    shutil.copytree(named, tmp_path / "data")
    shutil.rmtree(tmp_path / "data/test/FAKE")
    with pytest.raises(DataError, match="the test split has no images of both classes"):
        split_examples(read_examples(tmp_path / "data"))


def test_too_few_images_to_split_are_said_to_be_too_few(tmp_path: Path) -> None:
    write_pictures(tmp_path, count=3, seed=19)
    with pytest.raises(DataError, match="3 real and 3 fake images are too few to split"):
        split_examples(read_examples(tmp_path))


def test_a_test_split_that_lies_wholly_in_train_is_refused(named: Path, tmp_path: Path) -> None:
    shutil.copytree(named, tmp_path / "data")
    shutil.rmtree(tmp_path / "data/test/FAKE")
    shutil.copytree(named / "train/FAKE", tmp_path / "data/test/FAKE")
    with pytest.raises(DataError, match="no images of both classes that are not also in"):
        split_examples(read_examples(tmp_path / "data"))


@pytest.mark.parametrize("keep", [0.5, 0.001])
def test_damaged_archives_are_named(keep: float, named: Path, tmp_path: Path) -> None:
    path = tmp_path / "images.tar.xz"
    with tarfile.open(path, "w:xz") as archive:
        archive.add(named, ".")
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * keep)])
    with pytest.raises(DataError, match=r"images\.tar\.xz is damaged"):
        read_examples(tmp_path)


def test_a_subset_is_balanced_repeatable_and_within_the_splits(unnamed: Path) -> None:
    splits = split_examples(read_examples(unnamed))
    part = splits.subset(40)
    assert [len(s) for s in (part.train, part.validation, part.test)] == [40, 4, 8]
    for chosen, whole in ((part.train, splits.train), (part.test, splits.test)):
        assert hashes(chosen) < hashes(whole)
        assert sum(example.label for example in chosen) == len(chosen) / 2
    assert part == split_examples(read_examples(unnamed)[::-1]).subset(40)
    assert hashes(splits.subset(10**6).train) == hashes(splits.train)


def test_finding_images_needs_no_training_library() -> None:
    loaded = "import sys, trainer.data.examples; print('torch' in sys.modules)"
    assert run_words([sys.executable, "-c", loaded], None).stdout == "False\n"
