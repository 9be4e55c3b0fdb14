"""Protects: the parity gate sees every disagreement that could change a verdict."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from onnx import TensorProto, numpy_helper

from export import parity
from export.parity import (
    CALIBRATION_IMAGES,
    CALIBRATION_PATTERNS,
    TOLERANCES,
    LabelledViews,
    ParityError,
    calibration_images,
    compare,
    onnx_name,
    parity_images,
    pytorch_name,
    score_pytorch,
    scores_onnx,
)
from export.patterns import RANGES_SEED, patterns
from export.precision import INT8_WEIGHTS
from scanner.backends.gpu import cuda_driver_present
from scanner.images.decode import decode
from scanner.model import INT8_ROWS, Calibration, ModelCard, open_model
from scanner.model.card import Gate
from scanner.preprocess import view
from tests.pictures import write_pictures
from trainer.backbones import Detector
from trainer.checkpoint import Checkpoint, load_checkpoint
from trainer.data.examples import DataError, read_examples, split_examples


@pytest.fixture(scope="module")
def checkpoint(tiny_run: Path) -> Checkpoint:
    return load_checkpoint(tiny_run)


@pytest.fixture(scope="module")
def card(tiny_model: Path) -> ModelCard:
    return open_model(str(tiny_model)).card


@pytest.fixture(scope="module")
def images(tiny_data: Path, checkpoint: Checkpoint) -> LabelledViews:
    return parity_images(tiny_data, checkpoint.preprocessing)


@pytest.fixture(scope="module")
def views(images: LabelledViews) -> NDArray[np.uint8]:
    return images.views


def gate(model: bytes, checkpoint: Checkpoint, images: LabelledViews, card: ModelCard) -> Gate:
    """The gate between a model file and PyTorch, on the first hundred images of each class."""
    chosen = np.r_[0:100, 500:600]
    views, labels = images.views[chosen], images.labels[chosen]
    expected = score_pytorch(checkpoint.detector(), views)
    return compare("PyTorch", expected, scores_onnx(model, views, "float32").logits, labels, card)


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
    np.testing.assert_array_equal(found.views[0], view(first, preprocessing))


def test_labels_go_with_their_views(images: LabelledViews) -> None:
    assert len(images) == 1000
    assert images.labels.tolist() == [0] * 500 + [1] * 500


def test_calibration_takes_training_images_and_patterns(
    tiny_data: Path, checkpoint: Checkpoint, views: NDArray[np.uint8]
) -> None:
    train = split_examples(read_examples(tiny_data)).train
    found = calibration_images(tiny_data, checkpoint.preprocessing)
    made_up = patterns(CALIBRATION_PATTERNS, checkpoint.preprocessing, RANGES_SEED)
    assert found.shape == (min(2 * CALIBRATION_IMAGES, len(train)) + len(made_up), 32, 32, 3)
    assert (found[-len(made_up) :] == made_up).all()
    test = {view.tobytes() for view in views[10:500]}
    assert not any(view.tobytes() in test for view in found)


def test_the_exported_file_agrees(
    tiny_model: Path, checkpoint: Checkpoint, images: LabelledViews, card: ModelCard
) -> None:
    passed = gate(tiny_model.read_bytes(), checkpoint, images, card)
    assert passed.done
    assert passed.against == "PyTorch"
    assert passed.figures["images"] == 200
    assert passed.figures["verdicts_flipped"] == 0
    assert passed.figures["f1"] == passed.figures["f1_before"] > 0.5


def test_logits_a_little_apart_are_refused(
    tiny_model: Path, checkpoint: Checkpoint, images: LabelledViews, card: ModelCard
) -> None:
    with pytest.raises(ParityError, match=r"largest logit difference 0\.0015 \(allowed 0\.001\)"):
        gate(moved(tiny_model, 0.0015), checkpoint, images, card)


def test_one_weight_off_is_refused(
    tiny_model: Path, checkpoint: Checkpoint, images: LabelledViews, card: ModelCard
) -> None:
    graph = onnx.load(tiny_model)
    weight = next(w for w in graph.graph.initializer if w.data_type == TensorProto.FLOAT16)
    values = numpy_helper.to_array(weight).copy()
    values.flat[0] += np.float16(1)
    weight.CopyFrom(numpy_helper.from_array(values, weight.name))
    with pytest.raises(ParityError, match="Nothing was written"):
        gate(graph.SerializeToString(), checkpoint, images, card)


def test_logits_that_are_no_numbers_are_refused(
    tiny_model: Path, checkpoint: Checkpoint, images: LabelledViews, card: ModelCard
) -> None:
    with pytest.raises(ParityError, match="largest logit difference nan"):
        gate(moved(tiny_model, float("nan")), checkpoint, images, card)


class Noting(torch.nn.Module):
    """Scores 0, and notes where it runs and whether float32 might be rounded there."""

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        self.device = pixels.device.type
        self.tf32 = allowed_tf32()
        return pixels.new_zeros(len(pixels), 1)


def allowed_tf32() -> tuple[bool, bool]:
    return torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32


@pytest.fixture
def tf32() -> Iterator[None]:
    """Allowed, as a program that trains may have it."""
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    before = allowed_tf32()
    matmul.allow_tf32 = cudnn.allow_tf32 = True
    yield
    matmul.allow_tf32, cudnn.allow_tf32 = before


@pytest.mark.usefixtures("tf32")
def test_pytorch_scores_in_float32_proper_and_its_name_says_where() -> None:
    network = Noting()
    views = np.zeros((40, 32, 32, 3), np.uint8)
    assert score_pytorch(Detector(network, 32), views).shape == (40,)
    assert network.tf32 == (False, False)
    assert allowed_tf32() == (True, True)
    assert (" on " in pytorch_name()) == (network.device == "cuda")


@pytest.mark.skipif(cuda_driver_present(), reason="there is a driver here")
@pytest.mark.parametrize("driver", [False, True])
def test_a_gate_that_ran_on_the_cpu_says_so(driver: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where a driver is there but CUDA does not start."""
    monkeypatch.setattr(parity, "cuda_driver_present", lambda: driver)
    parity._cuda_works.cache_clear()
    assert onnx_name("float32").endswith(" CPU float32")
    parity._cuda_works.cache_clear()


@pytest.mark.parametrize(
    ("precision", "place"),
    [
        ("float32", "CUDA"),
        ("float32 with int8 weights", "CUDA"),
        ("float16", "CPU"),
        ("int8", "CPU"),
    ],
)
def test_only_float32_is_scored_on_a_gpu(
    precision: str, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parity, "_cuda_works", lambda: True)
    assert onnx_name(precision).endswith(f" {place} {precision}")


LABELS = np.tile(np.array([0, 1]), 500)
CLEAR = np.where(LABELS == 1, 8.0, -8.0).astype(np.float32)


def test_a_flipped_verdict_is_refused_however_close_the_logits(card: ModelCard) -> None:
    """The threshold lies between the two scores of one image."""
    after = CLEAR.copy()
    after[1] += np.float32(1e-4)
    threshold = float(card.calibration.apply(after)[1])
    point = replace(card.operating_points[0], fake_at_least=threshold, real_at_most=-1e9)
    strict = replace(card, operating_points=(point,))
    with pytest.raises(ParityError, match=r"1 verdicts flipped \(allowed 0\)"):
        compare("PyTorch", CLEAR, after, LABELS, strict)


@pytest.mark.parametrize("precision", ["float32", "float16", "int8"])
def test_each_precision_has_its_tolerance(precision: str, card: ModelCard) -> None:
    judged = replace(card, precision=precision)
    allowed = TOLERANCES[precision].mean
    compare("a file", CLEAR, CLEAR + np.float32(0.9 * allowed), LABELS, judged)
    with pytest.raises(ParityError, match=f"the {precision} file disagrees with a file on 1,000"):
        compare("a file", CLEAR, CLEAR + np.float32(1.1 * allowed), LABELS, judged)


def test_rounded_weights_have_a_tolerance_of_their_own(card: ModelCard) -> None:
    """Theirs is not that of float32, in which such a file computes."""
    allowed = TOLERANCES[INT8_WEIGHTS].mean
    close, far = (CLEAR + np.float32(share * allowed) for share in (0.9, 1.1))
    compare("a file", CLEAR, close, LABELS, card, INT8_WEIGHTS)
    with pytest.raises(ParityError, match="the int8-weights file disagrees with a file"):
        compare("a file", CLEAR, far, LABELS, card, INT8_WEIGHTS)
    with pytest.raises(ParityError, match="the float32 file disagrees with a file"):
        compare("a file", CLEAR, close, LABELS, card)


def test_all_test_images_can_be_had(tiny_data: Path, checkpoint: Checkpoint) -> None:
    test = split_examples(read_examples(tiny_data)).test
    assert TOLERANCES[INT8_WEIGHTS].each is None
    assert len(parity_images(tiny_data, checkpoint.preprocessing, None)) == len(test)


def test_a_loss_of_f1_is_refused(card: ModelCard) -> None:
    """Twenty fakes just above the line fall below it: few verdicts, and small differences."""
    before = CLEAR.copy()
    at_half = -card.calibration.bias * card.calibration.temperature
    fakes = np.flatnonzero(LABELS)[:20]
    before[fakes] = at_half + 0.04
    after = before.copy()
    after[fakes] = at_half - 0.04
    point = replace(card.operating_points[0], fake_at_least=5.0, real_at_most=-5.0)
    judged = replace(card, precision="float16", operating_points=(point,))
    with pytest.raises(ParityError, match=r"0 verdicts flipped .* F1 0\.97\d+ after 1\.0000"):
        compare("a file", before, after, LABELS, judged)


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


@pytest.mark.parametrize(("after", "passes"), [(0.0, True), (-0.2, False)])
def test_a_verdict_may_be_lost_between_forms_but_not_turned(
    after: float, passes: bool, card: ModelCard
) -> None:
    point = replace(card.operating_points[0], fake_at_least=0.1, real_at_most=-0.1)
    close = replace(card, operating_points=(point,), calibration=Calibration(1.0, 0.0))
    expected = np.full(100, 3, np.float32)
    expected[0] = 0.2
    found = expected.copy()
    found[0] = after
    if passes:
        figures = compare("another form", expected, found, None, close, INT8_ROWS).figures
        assert (figures["verdicts_flipped"], figures["verdicts_turned"]) == (1, 0)
        return
    with pytest.raises(ParityError, match="1 of them into the opposite"):
        compare("another form", expected, found, None, close, INT8_ROWS)
