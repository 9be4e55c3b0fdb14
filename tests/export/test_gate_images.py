"""Protects: a gate is made on whatever images there are, and says what these could not show."""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from export.gate_images import SAMPLES, gate_images
from export.onnx import main
from export.parity import ParityError, compare
from scanner.images.decode import decode
from scanner.model import open_model
from scanner.model.card import Gate
from scanner.preprocess import Preprocessing, view
from tests.conftest import ROOT
from tests.pictures import write_pictures
from trainer.data.examples import DataError, read_examples

VIEW = Preprocessing(32)
NOT_LABELLED = (
    "F1 NOT CHECKED: it takes 1,000 test images labelled real and fake, and these are not"
)
TOO_FEW = "F1 NOT CHECKED: it takes 1,000 test images labelled real and fake, and there are only "
SAMPLES_ONLY = f"{TOO_FEW}57 samples that come with imgscan"


@pytest.fixture
def unlabelled(tmp_path: Path) -> Path:
    """A plain folder of images of two sizes, among other files."""
    write_pictures(tmp_path / "made", count=25, seed=51)
    folder = tmp_path / "plain"
    (folder / "sub").mkdir(parents=True)
    for number, path in enumerate(sorted((tmp_path / "made").rglob("*.png"))):
        shutil.copy(path, folder / ("sub" if number % 2 else "") / f"{number}.PNG")
    Image.linear_gradient("L").resize((300, 200)).save(folder / "large.jpg")
    (folder / "notes.txt").write_text("no image")
    return folder


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, in which there is no data."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def export(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert "Traceback" not in result.output
    return result.exit_code, result.output


def test_a_thousand_labelled_images_leave_nothing_unchecked(tiny_data: Path) -> None:
    images = gate_images(tiny_data, VIEW, "float16")
    assert images.labels is not None
    assert images.labels.tolist() == [0] * 500 + [1] * 500
    assert images.no_f1 == ""


def test_a_test_split_alone_will_do(tiny_data: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_data / "test", tmp_path / "test")
    assert gate_images(tmp_path, VIEW, "float32").labels is not None


def test_the_samples_are_small_and_large_ones_of_both_classes() -> None:
    examples = read_examples(SAMPLES)
    assert len(examples) == 57
    assert sum(example.label for example in examples) == 27
    sizes = [decode(example.read()).rgb.size for example in examples]
    assert sizes.count((32, 32)) == 45
    assert all(min(size) == 256 for size in sizes if size != (32, 32))


def test_the_samples_are_in_an_installed_package() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    (pattern,) = settings["tool"]["setuptools"]["package-data"]["export"]
    packaged = {path.name for path in (ROOT / "export").glob(pattern)}
    assert packaged == {path.name for path in SAMPLES.iterdir()}
    assert "images.tar.xz" in packaged


def test_without_data_the_samples_are_taken(nowhere: Path) -> None:
    images = gate_images(None, VIEW, "float32")
    assert images.labels is None
    assert images.no_f1 == SAMPLES_ONLY
    assert images.views.shape == (57, 32, 32, 3)
    assert len(np.unique(images.views.reshape(57, -1), axis=0)) == 57


def test_a_model_of_large_images_has_views_of_its_own_making(nowhere: Path) -> None:
    photographs = Preprocessing(224, fit="stretch", resample="bicubic")
    assert gate_images(None, photographs, "float16").views.shape == (57, 224, 224, 3)


def test_data_in_the_usual_place_come_first(tiny_data: Path, nowhere: Path) -> None:
    (nowhere / "data").mkdir()
    (nowhere / "data" / "cifake").symlink_to(tiny_data)
    assert gate_images(None, VIEW, "float32").no_f1 == ""


def test_a_folder_that_was_named_must_be_there(nowhere: Path) -> None:
    with pytest.raises(DataError, match="there is no data folder absent"):
        gate_images(Path("absent"), VIEW, "float32")


def test_images_without_labels_count(unlabelled: Path) -> None:
    images = gate_images(unlabelled, VIEW, "float32")
    assert (images.labels, images.no_f1) == (None, NOT_LABELLED)
    expected = view(decode((unlabelled / "large.jpg").read_bytes()).rgb, VIEW)
    assert len(images) == 51
    assert any(np.array_equal(found, expected) for found in images.views)


def test_images_of_one_class_cannot_show_f1(unlabelled: Path, tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    unlabelled.rename(tmp_path / "one" / "fake")
    assert gate_images(tmp_path / "one", VIEW, "float32").no_f1 == NOT_LABELLED


@pytest.mark.parametrize(
    ("splits", "count"), [(["train", "test"], 60), (["test"], 60), (["."], 60)], ids=str
)
def test_few_labelled_images_count_without_their_labels(
    splits: list[str], count: int, tmp_path: Path
) -> None:
    for seed, split in enumerate(splits, 60):
        write_pictures(tmp_path / split, count=30, seed=seed)
    images = gate_images(tmp_path, VIEW, "float16")
    assert (len(images), images.labels) == (count, None)
    assert images.no_f1 == f"{TOO_FEW}{count}"


def test_a_cut_of_few_labelled_images_is_not_taken(tmp_path: Path) -> None:
    """A tenth of these 300 would be too few, and F1 is not checked on any of them."""
    write_pictures(tmp_path, count=150, seed=62)
    assert len(gate_images(tmp_path, VIEW, "float16")) == 300


@pytest.mark.parametrize("labelled", [True, False])
def test_too_few_to_show_a_fault_are_refused(
    labelled: bool, unlabelled: Path, tmp_path: Path
) -> None:
    """A gate on one image would pass almost any file."""
    if labelled:
        unlabelled = tmp_path / "labelled"
        write_pictures(unlabelled / "test", count=24, seed=63)
    else:
        for path in list(unlabelled.rglob("*.PNG"))[:3]:
            path.unlink()
    with pytest.raises(DataError) as caught:
        gate_images(unlabelled, VIEW, "float32")
    assert str(caught.value) == (
        f"the parity gate takes 50 images at least, and {unlabelled} has 48 for it; add more, or "
        f"take the samples that come with imgscan: --data {SAMPLES}."
    )
    assert gate_images(SAMPLES, VIEW, "float32").no_f1 == SAMPLES_ONLY


def test_nothing_to_look_at_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no images of both classes"):
        gate_images(tmp_path, VIEW, "float32")


def test_a_damaged_archive_is_not_passed_over(unlabelled: Path) -> None:
    (unlabelled / "labelled.tar.xz").write_bytes(b"\xfd7zXZ\x00 cut short")
    with pytest.raises(DataError, match=r"labelled\.tar\.xz is damaged"):
        gate_images(unlabelled, VIEW, "float32")


def test_an_image_that_cannot_be_decoded_is_named(unlabelled: Path) -> None:
    (unlabelled / "broken.jpg").write_bytes(b"\xff\xd8\xff cut short")
    with pytest.raises(DataError, match=r"broken\.jpg cannot be decoded: .*; remove it"):
        gate_images(unlabelled, VIEW, "float32")


@pytest.mark.parametrize(
    ("precision", "why"),
    [
        ("int8", "int8 takes its ranges from labelled training images: "),
        ("int8-weights", "int8-weights has to show on labelled test images that it keeps F1: "),
    ],
)
def test_int8_needs_labels(precision: str, why: str, tiny_model: Path, nowhere: Path) -> None:
    options = (tiny_model, "--precision", precision, "-o", "out.onnx")
    code, said = export(*options)
    assert code == 1
    assert f"{why}there is no data folder data/cifake" in said
    write_pictures(nowhere / "few" / "train", count=20, seed=54)
    write_pictures(nowhere / "few" / "test", count=20, seed=55)
    code, said = export(*options, "--data", "few")
    assert code == 1
    assert f"{why}few has only 40 test images; the parity gate needs 1,000" in said
    assert not Path("out.onnx").exists()


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_the_card_and_the_command_say_what_was_not_checked(
    precision: str, tiny_model: Path, nowhere: Path
) -> None:
    code, said = export(tiny_model, "--precision", precision, "-o", "out.onnx")
    assert code == 0, said
    assert f"parity checked on 57 images\n  {SAMPLES_ONLY}\n" in said
    gate = Gate(**open_model("out.onnx").card.parity["gates"][-1])
    assert gate.done
    assert gate.reason == SAMPLES_ONLY
    assert gate.figures.keys() == {
        "images",
        "largest_logit_difference",
        "mean_logit_difference",
        "verdicts_flipped",
        "verdicts_turned",
    }
    assert gate.in_words().endswith(f"CPU float32: passed on 57 images, {SAMPLES_ONLY}")


def test_what_is_checked_is_checked_as_strictly(tiny_model: Path) -> None:
    """Logits and flipped verdicts decide without labels as they do with them."""
    card = open_model(str(tiny_model)).card
    logits = np.linspace(-8, 8, 100, dtype=np.float32)
    gate = compare("a file", logits, logits, None, card, no_f1=NOT_LABELLED)
    assert (gate.done, gate.reason, gate.figures["images"]) == (True, NOT_LABELLED, 100)
    for far in (logits + np.float32(2e-3), np.where(logits > 7, np.nan, logits)):
        with pytest.raises(ParityError, match=r"on 100 images: .* flipped \(allowed 0\)\. Nothing"):
            compare("a file", logits, far.astype(np.float32), None, card, no_f1=NOT_LABELLED)
