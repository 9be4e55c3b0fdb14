"""Protects: the parity gate sees every disagreement that could change a verdict."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from onnx import TensorProto, numpy_helper

from export.parity import ParityError, compare, parity_images
from scanner.preprocess import decode, view
from tests.pictures import write_pictures
from trainer.checkpoint import Checkpoint, load_checkpoint
from trainer.data import DataError


@pytest.fixture(scope="module")
def checkpoint(tiny_run: Path) -> Checkpoint:
    return load_checkpoint(tiny_run)


@pytest.fixture(scope="module")
def views(tiny_data: Path, checkpoint: Checkpoint) -> NDArray[np.uint8]:
    return parity_images(tiny_data, checkpoint.preprocessing)


def moved(path: Path, by: float) -> bytes:
    """The model file with its last bias moved."""
    graph = copy.deepcopy(onnx.load(path))
    (bias,) = [w for w in graph.graph.initializer if list(w.dims) == [1]]
    values = numpy_helper.to_array(bias) + np.float32(by)
    bias.CopyFrom(numpy_helper.from_array(values, bias.name))
    content: bytes = graph.SerializeToString()
    return content


def test_images_are_the_scanners_views_of_the_test_split(
    tiny_data: Path, checkpoint: Checkpoint, views: NDArray[np.uint8]
) -> None:
    assert views.shape == (1000, 32, 32, 3)
    assert views.dtype == np.uint8
    first = decode((tiny_data / "test/REAL/0000.png").read_bytes()).rgb
    np.testing.assert_array_equal(views[0], view(first, checkpoint.preprocessing))


def test_views_take_the_models_size(tiny_data: Path, checkpoint: Checkpoint) -> None:
    preprocessing = replace(checkpoint.preprocessing, size=24)
    first = decode((tiny_data / "test/REAL/0000.png").read_bytes()).rgb
    found = parity_images(tiny_data, preprocessing)
    np.testing.assert_array_equal(found[0], view(first, preprocessing))


def test_the_exported_file_agrees(
    tiny_model: Path, checkpoint: Checkpoint, views: NDArray[np.uint8]
) -> None:
    parity = compare(checkpoint.detector(), tiny_model.read_bytes(), views[:100], checkpoint)
    assert parity.images == 100
    assert parity.verdicts_flipped == 0


def test_logits_a_little_apart_are_refused(
    tiny_model: Path, checkpoint: Checkpoint, views: NDArray[np.uint8]
) -> None:
    with pytest.raises(ParityError, match=r"largest logit difference 0\.0015 \(allowed 0\.001\)"):
        compare(checkpoint.detector(), moved(tiny_model, 0.0015), views[:100], checkpoint)


def test_one_weight_off_is_refused(
    tiny_model: Path, checkpoint: Checkpoint, views: NDArray[np.uint8]
) -> None:
    graph = onnx.load(tiny_model)
    weight = next(w for w in graph.graph.initializer if w.data_type == TensorProto.FLOAT16)
    values = numpy_helper.to_array(weight).copy()
    values.flat[0] += np.float16(1)
    weight.CopyFrom(numpy_helper.from_array(values, weight.name))
    with pytest.raises(ParityError, match="Nothing was written"):
        compare(checkpoint.detector(), graph.SerializeToString(), views[:100], checkpoint)


def test_a_flipped_verdict_is_refused_however_close_the_logits(
    tiny_model: Path, checkpoint: Checkpoint, views: NDArray[np.uint8]
) -> None:
    """The threshold lies between the two scores of one image."""
    detector = checkpoint.detector()
    with torch.inference_mode():
        logit = detector(torch.from_numpy(views[:1])).numpy()
    close = checkpoint.calibration.apply(logit + np.float32(0.0002))
    point = replace(checkpoint.operating_points[0], fake_at_least=float(close[0]))
    strict = replace(checkpoint, operating_points=[replace(point, real_at_most=-1e9)])
    with pytest.raises(ParityError, match=r"allowed 0\.001\), 1 verdicts flipped"):
        compare(detector, moved(tiny_model, 0.0005), views[:1], strict)


def test_logits_that_are_no_numbers_are_refused(
    tiny_model: Path, checkpoint: Checkpoint, views: NDArray[np.uint8]
) -> None:
    with pytest.raises(ParityError, match="largest logit difference nan"):
        compare(checkpoint.detector(), moved(tiny_model, float("nan")), views[:4], checkpoint)


def test_too_few_images_are_refused(tmp_path: Path, checkpoint: Checkpoint) -> None:
    write_pictures(tmp_path / "train", count=20, seed=41)
    write_pictures(tmp_path / "test", count=30, seed=42)
    with pytest.raises(DataError, match=r"only 60 test images; the parity gate needs 1,000"):
        parity_images(tmp_path, checkpoint.preprocessing)


def test_a_broken_image_is_named(tmp_path: Path, checkpoint: Checkpoint) -> None:
    write_pictures(tmp_path / "train", count=20, seed=43)
    write_pictures(tmp_path / "test", count=500, seed=44)
    broken = tmp_path / "test/FAKE/0007.png"
    broken.write_bytes(broken.read_bytes()[:300])
    with pytest.raises(DataError, match=r"test/FAKE/0007\.png cannot be decoded"):
        parity_images(tmp_path, checkpoint.preprocessing)
