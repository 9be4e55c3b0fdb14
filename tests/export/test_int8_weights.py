"""Protects: weights stored in int8 make a small file that scores as the float32 one does."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from export.onnx import store_in_half
from export.parity import TOLERANCES, parity_images, scores_onnx
from export.precision import (
    INT8_WEIGHTS,
    folded,
    store_in_int8,
)
from scanner.backends.choose import open_backend
from scanner.model import METADATA_KEY, open_model
from scanner.preprocess import Preprocessing
from tests.export.conftest import converted, said, traced_path


def test_a_weight_in_int8_is_off_by_half_a_step_at_most(tiny_model: Path) -> None:
    model = onnx.load(tiny_model)
    whole, stored = (
        {weight.name: numpy_helper.to_array(weight) for weight in graph.graph.initializer}
        for graph in (folded(model), store_in_int8(model))
    )
    rounded = [name.removesuffix(".int8") for name in stored if name.endswith(".int8")]
    assert len(rounded) == 4
    for name in rounded:
        steps, scale = stored[f"{name}.int8"], stored[f"{name}.scale"]
        assert steps.dtype == np.int8
        assert steps.shape == whole[name].shape
        assert scale.shape == steps.shape[:1], "a scale an output channel"
        rows, given = (values.reshape(len(scale), -1) for values in (steps, whole[name]))
        assert (np.abs(rows.astype(int)).max(axis=1) == 127).all(), "all of the range is used"
        assert (scale > 0).all()
        off = np.abs(rows * scale[:, None].astype(np.float64) - given)
        assert (off <= 0.5001 * scale[:, None]).all()
    vectors = [name for name, values in whole.items() if name not in rounded]
    assert all(np.array_equal(stored[name], whole[name]) for name in vectors)


def test_channels_of_zeros_stay_zeros(tiny_model: Path) -> None:
    model = onnx.load(tiny_model)
    weight = next(w for w in model.graph.initializer if list(w.dims) == [32, 32, 3, 3])
    values = numpy_helper.to_array(weight).copy()
    values[5] = 0
    weight.CopyFrom(numpy_helper.from_array(values, weight.name))
    stored = store_in_int8(model)
    scales = [w for w in stored.graph.initializer if w.name.endswith(".scale")]
    assert all((numpy_helper.to_array(scale) > 0).all() for scale in scales), "or 0 / 0 is stored"
    found = next(w for w in folded(stored).graph.initializer if w.dims == weight.dims)
    assert not numpy_helper.to_array(found)[5].any()
    assert numpy_helper.to_array(found).any()


@pytest.fixture(scope="module")
def clear_data(tiny_data: Path, tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """tiny_data, its test images close to a verdict's edge replaced by others of their class.

    The gate of int8-weights allows no verdict to change among 1,000 images where F1 counts it.
    """
    data = tmp_path_factory.mktemp("clear") / "data"
    shutil.copytree(tiny_data, data)
    file = open_model(str(tiny_model))
    card, backend = file.card, open_backend(file, "cpu")
    point = card.operating_points[0]
    edges = np.array([0, point.fake_at_least, point.real_at_most])
    for folder in (data / "test").iterdir():
        pictures = sorted(folder.iterdir())
        views = np.stack([np.asarray(Image.open(path)) for path in pictures])
        logits = card.calibration.apply(backend.score(views).logits)
        clear = np.abs(logits[:, None] - edges).min(axis=1) > 0.3
        assert 0.3 < clear.mean() < 1
        other = pictures[int(clear.argmax())]
        for path in [path for path, kept in zip(pictures, clear, strict=True) if not kept]:
            shutil.copy(other, path)
    return data


def test_int8_weights_make_a_float32_file_of_half_the_size(
    tiny_model: Path, clear_data: Path, tmp_path: Path
) -> None:
    file, _ = converted(tiny_model, "int8-weights", clear_data, tmp_path)
    images = parity_images(clear_data, file.card.preprocessing, None)
    assert file.path.stat().st_size < 0.6 * tiny_model.stat().st_size
    _, gate = file.card.parity["gates"]
    assert gate["done"]
    assert gate["figures"]["images"] == len(images)
    whole = open_model(str(tiny_model))
    assert file.card == replace(whole.card, parity=file.card.parity)
    backend = open_backend(file, "cpu")
    assert backend.precision == "float32"
    expected = open_backend(whole, "cpu").score(images.views).logits
    difference = np.abs(backend.score(images.views).logits - expected)
    assert 0 < difference.mean() <= TOLERANCES[INT8_WEIGHTS].mean
    assert difference.max() == pytest.approx(gate["figures"]["largest_logit_difference"], abs=1e-3)


def test_a_run_is_stored_in_int8_too(tiny_run: Path, clear_data: Path, tmp_path: Path) -> None:
    file, _ = converted(tiny_run, "int8-weights", clear_data, tmp_path)
    pytorch, float32 = file.card.parity["gates"]
    assert "PyTorch" in pytorch["against"]
    for gate in (pytorch, float32):
        assert gate["done"]
        assert gate["figures"]["mean_logit_difference"] > 0


def test_what_is_made_of_rounded_weights_tells_of_their_gates(
    tiny_model: Path, clear_data: Path, tmp_path: Path
) -> None:
    rounded, _ = converted(tiny_model, "int8-weights", clear_data, tmp_path)
    file, model = converted(rounded.path, "fp16", clear_data, tmp_path)
    assert file.card.precision == "float16"
    kinds = {weight.data_type for weight in model.graph.initializer}
    assert TensorProto.INT8 not in kinds
    assert TensorProto.FLOAT16 in kinds
    *earlier, float32 = file.card.parity["gates"]
    assert earlier == rounded.card.parity["gates"]
    assert float32["against"].endswith("float32 with int8 weights")
    assert float32["figures"]["largest_logit_difference"] <= 0.1


def test_rounded_weights_are_not_compared_with_a_checkpoint_again(
    tiny_run: Path, tiny_model: Path, tmp_path: Path
) -> None:
    """They are further from it than the tolerance of float32 and float16 allows."""
    rounded = tmp_path / "rounded.onnx"
    model = store_in_int8(onnx.load(tiny_model))
    helper.set_model_props(model, {METADATA_KEY: open_model(str(tiny_model)).card.to_json()})
    onnx.save(model, rounded)
    options = ("--checkpoint", tiny_run, "-o", tmp_path / "out.onnx")
    assert "are in int8, and its card says" in said(rounded, *options)


def test_resnet152_fits_into_64_megabytes(half_resnets: dict[str, Path], tiny_data: Path) -> None:
    traced = onnx.load(traced_path(half_resnets["resnet152"]))
    store_in_half(traced)  # as the export does it next
    stored = store_in_int8(traced).SerializeToString()
    assert 50e6 < len(stored) < 64e6
    views = parity_images(tiny_data, Preprocessing(32)).views[::10]
    expected = scores_onnx(traced.SerializeToString(), views, "float32").logits
    found = scores_onnx(stored, views, "float32").logits
    assert 0 < np.abs(found - expected).mean() <= TOLERANCES[INT8_WEIGHTS].mean
    assert np.corrcoef(found, expected)[0, 1] > 0.9


def test_weights_that_int8_ruins_are_refused(
    tiny_model: Path, tiny_data: Path, tmp_path: Path
) -> None:
    """Every channel of the second layer has huge weights for an input that is always 0."""
    model = onnx.load(tiny_model)
    changed = []
    for weight in model.graph.initializer:
        values = numpy_helper.to_array(weight).copy()
        if weight.name == "network.0.bias":
            values[0] = -1e4
        elif list(weight.dims) == [32, 32, 3, 3]:
            values[:, 0] = 1000
        else:
            continue
        changed.append(weight.name)
        weight.CopyFrom(numpy_helper.from_array(values, weight.name))
    assert len(changed) == 2
    odd, output = tmp_path / "odd.onnx", tmp_path / "out.onnx"
    onnx.save(model, odd)
    options = ("--data", tiny_data, "-o", output, "--precision", "int8-weights")
    assert "the int8-weights file disagrees with ONNX Runtime" in said(odd, *options)
    assert not output.exists()
