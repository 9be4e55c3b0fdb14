"""Protects: an exported file describes itself, scores as PyTorch does, and gives nothing away."""

from __future__ import annotations

import copy
import json
import re
import sysconfig
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray
from onnx import TensorProto, numpy_helper
from sklearn.metrics import f1_score

import export.onnx
from export.parity import TOLERANCES, parity_images
from scanner.backends.choose import open_backend
from scanner.model import INPUT, METADATA_KEY, OUTPUT, ModelCard, open_model, parse_card
from scanner.preprocess import Preprocessing
from tests.conftest import ROOT, run_module
from tests.export.conftest import converted, said
from tests.scanner.views_model import VIEWS, write_views_model
from trainer.checkpoint import Checkpoint, load_checkpoint


@pytest.fixture(scope="module")
def checkpoint(tiny_run: Path) -> Checkpoint:
    return load_checkpoint(tiny_run)


@pytest.fixture(scope="module")
def graph(tiny_model: Path) -> onnx.ModelProto:
    return onnx.load(tiny_model)


@pytest.fixture(scope="module")
def card(graph: onnx.ModelProto) -> ModelCard:
    (text,) = [entry.value for entry in graph.metadata_props if entry.key == METADATA_KEY]
    return parse_card(text)


@pytest.fixture(scope="module")
def views(tiny_data: Path, checkpoint: Checkpoint) -> NDArray[np.uint8]:
    return parity_images(tiny_data, checkpoint.preprocessing).views


def run(model: bytes, views: NDArray[np.uint8]) -> NDArray[np.float32]:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    logits: NDArray[np.float32] = session.run([OUTPUT], {INPUT: views})[0]
    return logits


def test_the_card_says_what_the_checkpoint_knows(card: ModelCard, checkpoint: Checkpoint) -> None:
    assert card.backbone == "bird_lotfi_cnn"
    assert card.licence == "Apache-2.0"
    for name in ("image_size", "preprocessing", "calibration", "domain"):
        assert getattr(card, name) == getattr(checkpoint, name)
    assert card.metrics["test"]["f1"] == checkpoint.metrics["test"].f1
    assert len(card.operating_points) == len(checkpoint.operating_points)
    for ours, theirs in zip(card.operating_points, checkpoint.operating_points, strict=True):
        assert ours.fake_at_least == theirs.fake_at_least
        assert ours.real_at_most == theirs.real_at_most
    assert card.training["precision"] == checkpoint.training["precision"] == "float32"


def test_the_card_holds_the_measured_parity(card: ModelCard) -> None:
    (gate,) = card.parity["gates"]
    assert gate["done"]
    assert torch.__version__ in gate["against"]
    figures = gate["figures"]
    assert figures["images"] == 1000
    assert 0 <= figures["mean_logit_difference"] <= figures["largest_logit_difference"]
    assert figures["largest_logit_difference"] <= TOLERANCES["float32"].largest
    assert figures["verdicts_flipped"] == 0
    assert figures["f1"] == figures["f1_before"]


def test_the_scanner_opens_the_file(tiny_model: Path, card: ModelCard) -> None:
    model = open_model(str(tiny_model))
    assert model.name == "tiny"
    assert model.card == card


def test_input_and_output_follow_the_contract(tiny_model: Path) -> None:
    session = onnxruntime.InferenceSession(tiny_model, providers=["CPUExecutionProvider"])
    (taken,), (given,) = session.get_inputs(), session.get_outputs()
    assert (taken.name, taken.type, taken.shape[1:]) == ("images", "tensor(uint8)", [32, 32, 3])
    assert (given.name, given.type) == ("logit", "tensor(float)")
    assert isinstance(taken.shape[0], str), "the batch is not dynamic"
    assert given.shape == [taken.shape[0]]


@pytest.mark.parametrize("size", [1, 2, 3, 33])
def test_every_batch_size_gives_the_logits_of_pytorch(
    size: int, tiny_model: Path, checkpoint: Checkpoint, views: NDArray[np.uint8]
) -> None:
    with torch.inference_mode():
        expected = checkpoint.detector()(torch.from_numpy(views[:size])).numpy()
    found = run(tiny_model.read_bytes(), views[:size])
    assert found.shape == (size,)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=TOLERANCES["float32"].largest)


def test_weights_are_stored_in_half_without_loss(
    graph: onnx.ModelProto, checkpoint: Checkpoint, views: NDArray[np.uint8]
) -> None:
    stored = {weight.name: weight for weight in graph.graph.initializer}
    matrices = {name: tensor for name, tensor in checkpoint.state.items() if tensor.dim() >= 2}
    assert len(matrices) == 4
    for name, tensor in matrices.items():
        weight = stored[f"{name}.half"]
        assert weight.data_type == TensorProto.FLOAT16
        widened = numpy_helper.to_array(weight).astype(np.float32)
        assert sorted(widened.ravel()) == sorted(tensor.numpy().ravel()), name
    wide = copy.deepcopy(graph)
    for weight in wide.graph.initializer:
        if weight.data_type == TensorProto.FLOAT16:
            values = numpy_helper.to_array(weight).astype(np.float32)
            weight.CopyFrom(numpy_helper.from_array(values, weight.name))
    half_logits = run(graph.SerializeToString(), views[:64])
    np.testing.assert_array_equal(half_logits, run(wide.SerializeToString(), views[:64]))


def test_weights_that_half_cannot_hold_stay_whole() -> None:
    model = onnx.ModelProto()
    fine = np.array([[1 / 3, 1e-12]], np.float32)
    model.graph.initializer.append(numpy_helper.from_array(fine, "fine"))
    model.graph.initializer.append(numpy_helper.from_array(np.ones(3, np.float32), "bias"))
    before = model.SerializeToString()
    export.onnx.store_in_half(model)
    assert model.SerializeToString() == before


def test_the_file_names_no_place_on_this_machine(
    tiny_model: Path, tiny_run: Path, tiny_data: Path
) -> None:
    content = tiny_model.read_bytes()
    packages = sysconfig.get_path("purelib")
    for place in (ROOT, tiny_run.parent, tiny_data.parent, Path.home(), packages):
        assert str(place).encode() not in content
    assert not re.search(rb"\.py\b|File \"", content), "a stack trace is in the file"


def test_the_scan_reaches_the_f1_of_the_training_run(
    tiny_model: Path, tiny_data: Path, tiny_run: Path, tmp_path: Path
) -> None:
    report = tmp_path / "report.jsonl"
    options = ("--device", "cpu", "--workers", "1", "--quiet")
    result = run_module(
        "scanner", tiny_data / "test", "--model", tiny_model, "--report", report, *options
    )
    assert result.returncode == 0, result.stderr
    rows = [json.loads(line) for line in report.read_text().splitlines()]
    rows = [row for row in rows if row.get("p_fake") is not None]
    assert len(rows) == 1000
    labels = np.array(["FAKE" in Path(row["path"]).parts for row in rows])
    summary = json.loads((tiny_run / "metrics.json").read_text())
    called_fake = np.array([row["p_fake"] for row in rows]) >= 0.5
    assert f1_score(labels, called_fake) == pytest.approx(summary["test"]["f1"], abs=1e-9)
    verdicts = np.array([row["verdict"] for row in rows])
    point = summary["operating_points"][0]
    assert (verdicts == "inconclusive").mean() == pytest.approx(point["test_inconclusive_rate"])
    for verdict, label, rate in (
        ("fake", 1, "test_true_positive_rate"),
        ("fake", 0, "test_false_positive_rate"),
        ("real", 1, "test_false_negative_rate"),
    ):
        assert (verdicts[labels == label] == verdict).mean() == pytest.approx(point[rate])


def test_a_graph_that_disagrees_is_not_written(
    graph: onnx.ModelProto,
    tiny_run: Path,
    tiny_data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The command meets a graph whose last bias is off by a hundredth."""
    wrong = copy.deepcopy(graph)
    (bias,) = [w for w in wrong.graph.initializer if list(w.dims) == [1]]
    moved = numpy_helper.to_array(bias) + np.float32(0.01)
    bias.CopyFrom(numpy_helper.from_array(moved, bias.name))
    monkeypatch.setattr(export.onnx, "to_graph", lambda detector, shape: wrong)
    output = tmp_path / "wrong.onnx"
    words = said(tiny_run, "-o", output, "--data", tiny_data)
    assert f"the float32 file disagrees with PyTorch {torch.__version__} float32 on 1,000" in words
    assert "largest logit difference 0.01 (allowed 0.001)" in words
    assert re.search(r"\d+ verdicts flipped \(allowed 0\), F1 .*\. Nothing was written", words)
    assert list(tmp_path.iterdir()) == []


def test_unusable_arguments_are_said_in_a_sentence(
    tiny_run: Path, tiny_data: Path, tmp_path: Path
) -> None:
    output = tmp_path / "model.onnx"
    assert "there is no checkpoint" in said(tmp_path, "-o", output, "--data", tiny_data)
    weights = tiny_run.parent / "begin.pt"
    assert "was not written by this version" in said(weights, "-o", output, "--data", tiny_data)
    assert "there is no data folder" in said(tiny_run, "-o", output, "--data", tmp_path / "x")
    nowhere = tmp_path / "absent" / "model.onnx"
    assert "there is no folder" in said(tiny_run, "-o", nowhere, "--data", tiny_data)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_a_classifier_sees_several_views(
    precision: str, checkpoint: Checkpoint, tiny_data: Path, tmp_path: Path
) -> None:
    """The gates are on all of them, and its logit is the mean of what it says of each."""
    seeing = replace(checkpoint, preprocessing=Preprocessing(24, native=4))
    seeing.save(tmp_path / "views.pt")
    file, graph = converted(tmp_path / "views.pt", precision, tiny_data, tmp_path)
    assert file.card.preprocessing == seeing.preprocessing
    assert file.card.parity["gates"][0]["done"]
    views = parity_images(tiny_data, seeing.preprocessing).views[::100]
    assert views.shape == (10, 5, 24, 24, 3)
    if precision == "fp32":
        with torch.inference_mode():
            detector = checkpoint.detector()
            apart = [detector(torch.from_numpy(image)).numpy().mean() for image in views]
        together = run(graph.SerializeToString(), views)
        assert together == pytest.approx(apart, abs=1e-4)
        backend = open_backend(file, "cpu", 1)
        alone = [backend.score(views[n : n + 1]).logits[0] for n in range(len(views))]
        assert backend.score(views).logits.tolist() == alone


@pytest.mark.parametrize(
    ("precision", "outputs"),
    [("fp16", "view_logits"), ("int8", "ood and view_logits"), ("int8-weights", "ood and view")],
)
def test_what_no_gate_measures_is_not_rounded(
    precision: str, outputs: str, card: ModelCard, tiny_data: Path, tmp_path: Path
) -> None:
    several = replace(card, preprocessing=VIEWS, ood_at_most=8.0)
    source = write_views_model(tmp_path / "views.onnx", several)
    options = ("--precision", precision, "--data", tiny_data, "-o", tmp_path / "out.onnx")
    assert f"does to the graph's {outputs}" in said(source, *options)
    assert not (tmp_path / "out.onnx").exists()
