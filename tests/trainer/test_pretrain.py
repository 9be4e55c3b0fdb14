"""Protects: starting weights learnt from CIFAKE's object classes fit the backbone they are for."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from tests.pictures import write_pictures
from trainer.backbones import build_detector
from trainer.data.examples import DataError, Example
from trainer.pretrain import main, object_class


def example(name: str) -> Example:
    return Example(name, "train", 0, b"", "")


@pytest.mark.parametrize(
    ("name", "expected"),
    [("train/REAL/0001.jpg", 0), ("train/FAKE/12 (2).jpg", 1), ("test/REAL/9 (10).jpg", 9)],
)
def test_classes_come_from_cifakes_names(name: str, expected: int) -> None:
    assert object_class(example(name)) == expected


def test_names_of_other_data_are_refused() -> None:
    with pytest.raises(DataError, match=r"IMG \(11\)\.jpg names no CIFAR-10 class"):
        object_class(example("train/REAL/IMG (11).jpg"))


def test_weights_fit_and_are_made_once(tmp_path: Path) -> None:
    write_pictures(tmp_path / "data", count=80, seed=61)
    for number, path in enumerate(sorted((tmp_path / "data").glob("*/*"))):
        path.rename(path.with_name(f"{path.stem} ({number % 10 + 1}).png"))
    arguments = ["bird_lotfi_cnn", "--data", tmp_path / "data", "--out", tmp_path / "bodies"]
    arguments += ["--image-size", 32, "--epochs", 1, "--device", "cpu"]

    def run() -> str:
        result = CliRunner().invoke(main, [str(argument) for argument in arguments])
        assert result.exit_code == 0, result.output
        return result.output

    assert "of 10 classes right" in run()
    assert "is there already" in run()
    weights = tmp_path / "bodies/bird_lotfi_cnn.pt"
    stored = torch.load(weights, weights_only=True)
    detector = build_detector("bird_lotfi_cnn", 32, str(weights))
    found = detector.network.state_dict()
    assert stored["10.weight"].shape == (10, 64)
    assert found["10.weight"].shape == (1, 64)
    assert (stored["0.weight"].dtype, found["0.weight"].dtype) == (torch.float16, torch.float32)
    assert torch.equal(found["0.weight"], stored["0.weight"].float())
