"""Protects: float16 and int8 files score as the float32 ones do, and say what was checked.

ResNet-18 and ResNet-152 go the whole way of a trained model, with random weights: calibrated on
their own scores, saved as a checkpoint, exported and gated.
"""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from click.testing import CliRunner
from onnx import TensorProto, helper, numpy_helper

from export.onnx import main
from export.parity import LabelledViews, parity_images, scores_onnx
from export.precision import (
    PrecisionError,
    cast_first,
    folded,
    to_float16,
    to_int8,
)
from scanner.model import open_model
from tests.export.conftest import RESNETS, converted, said

STRONGER = np.float32(2**16)


@pytest.fixture(scope="module")
def images(tiny_data: Path, tiny_model: Path) -> LabelledViews:
    return parity_images(tiny_data, open_model(str(tiny_model)).card.preprocessing)


@pytest.mark.parametrize("backbone", RESNETS)
def test_resnets_pass_the_gates_in_float16(backbone: str, half_resnets: dict[str, Path]) -> None:
    card = open_model(str(half_resnets[backbone])).card
    assert (card.backbone, card.precision) == (backbone, "float16")
    pytorch, float32 = card.parity["gates"]
    assert "PyTorch" in pytorch["against"]
    assert float32["against"].endswith(" float32")
    for gate in (pytorch, float32):
        assert gate["done"]
        assert gate["figures"]["images"] == 1000
        assert 0 < gate["figures"]["largest_logit_difference"] <= 0.1


@pytest.mark.parametrize("backbone", RESNETS)
def test_a_half_graph_is_strongly_typed(backbone: str, half_resnets: dict[str, Path]) -> None:
    """uint8 in, float32 out, normalisation in float32, every convolution in float16."""
    graph = onnx.shape_inference.infer_shapes(onnx.load(half_resnets[backbone])).graph
    types = {info.name: info.type.tensor_type.elem_type for info in graph.value_info}
    types |= {weight.name: weight.data_type for weight in graph.initializer}
    assert graph.input[0].type.tensor_type.elem_type == TensorProto.UINT8
    assert graph.output[0].type.tensor_type.elem_type == TensorProto.FLOAT
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    assert len(convolutions) == {"resnet18": 20, "resnet152": 155}[backbone]
    for node in convolutions:
        assert {types[name] for name in node.input} == {TensorProto.FLOAT16}
    assert not [node for node in graph.node if node.op_type == "BatchNormalization"]
    (normalisation,) = [node for node in graph.node if node.op_type == "Div"]
    assert types[normalisation.output[0]] == TensorProto.FLOAT
    readers = [node.op_type for node in graph.node if "images" in node.input]
    assert set(readers) <= {"Cast", "Shape"}, "TensorRT takes uint8 only to cast it"


def test_int8_passes_the_gates(
    tiny_model: Path, tiny_data: Path, tmp_path: Path, images: LabelledViews
) -> None:
    file, model = converted(tiny_model, "int8", tiny_data, tmp_path)
    assert file.card.precision == "int8"
    weights = [w for w in model.graph.initializer if w.data_type == TensorProto.INT8]
    assert len([w for w in weights if len(w.dims) > 1]) == 3, "all but the logit's layer"
    largest = max(np.abs(numpy_helper.to_array(w).astype(int)).max() for w in weights)
    assert 32 < largest <= 64, "8-bit weights overflow the sums of CPUs without VNNI"
    scales = {w.name: list(w.dims) for w in model.graph.initializer if "scale" in w.name}
    assert [32] in scales.values(), "a convolution has a scale a channel"
    assert file.path.stat().st_size < 0.7 * tiny_model.stat().st_size
    session = onnxruntime.InferenceSession(file.path, providers=["CPUExecutionProvider"])
    assert session.get_inputs()[0].type == "tensor(uint8)"
    assert session.get_outputs()[0].type == "tensor(float)"
    scores = scores_onnx(file.path.read_bytes(), images.views, "int8").logits
    assert len(np.unique(scores)) > 256, "an 8-bit logit would have no more"


def test_what_was_not_compared_is_recorded_as_not_done(
    tiny_model: Path, tiny_data: Path, tmp_path: Path
) -> None:
    file, _ = converted(tiny_model, "fp16", tiny_data, tmp_path)
    pytorch, float32 = file.card.parity["gates"]
    assert not pytorch["done"]
    assert pytorch["reason"] == "no checkpoint was given"
    assert pytorch["figures"] == {}
    assert float32["done"]


def test_a_checkpoint_beside_the_file_is_compared(
    tiny_model: Path, tiny_run: Path, tiny_data: Path, tmp_path: Path
) -> None:
    file, _ = converted(tiny_model, "fp16", tiny_data, tmp_path, "--checkpoint", tiny_run)
    assert [gate["done"] for gate in file.card.parity["gates"]] == [True, True]
    assert file.card.licence == "Apache-2.0"


def test_a_checkpoint_of_another_model_is_refused(
    tiny_model: Path, resnet_checkpoints: dict[str, Path], tiny_data: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out.onnx"
    other = resnet_checkpoints["resnet18"]
    options = ("--precision", "fp16", "--data", tiny_data, "-o", output, "--checkpoint", other)
    assert "the float16 file disagrees with PyTorch" in said(tiny_model, *options)
    assert not output.exists()


def test_only_float32_is_converted(
    half_resnets: dict[str, Path], tiny_data: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out.onnx"
    options = ("--precision", "int8", "--data", tiny_data, "-o", output)
    assert "is float16 already; name the float32 file" in said(half_resnets["resnet18"], *options)


def test_an_older_file_is_rewritten_for_tensorrt(
    tiny_model: Path, tiny_data: Path, tmp_path: Path, images: LabelledViews
) -> None:
    """Its pixels are transposed first and cast then; the new file's logits are the same."""
    older = onnx.load(tiny_model)
    cast = next(n for n in older.graph.node if n.op_type == "Cast" and "images" in n.input)
    transpose = next(node for node in older.graph.node if cast.output[0] in node.input)
    assert (cast.op_type, transpose.op_type) == ("Cast", "Transpose")
    transpose.input[0], cast.input[0] = "images", transpose.output[0]
    cast.output[0], transpose.output[0] = transpose.output[0], "early"
    cast.input[0] = "early"
    nodes = list(older.graph.node)
    first, second = nodes.index(cast), nodes.index(transpose)
    nodes[first], nodes[second] = transpose, cast
    del older.graph.node[:], older.graph.value_info[:]
    older.graph.node.extend(nodes)
    old = tmp_path / "older.onnx"
    onnx.save(older, old)
    file, model = converted(old, "fp32", tiny_data, tmp_path)
    assert {n.op_type for n in model.graph.node if "images" in n.input} <= {"Cast", "Shape"}
    assert [gate["done"] for gate in file.card.parity["gates"]] == [False, True]
    expected, found = (
        scores_onnx(path.read_bytes(), images.views[:50], "float32").logits
        for path in (old, file.path)
    )
    np.testing.assert_array_equal(found, expected)
    assert cast_first(model) is model


def test_folding_keeps_the_scores(tiny_model: Path, images: LabelledViews) -> None:
    model = onnx.load(tiny_model)
    views = images.views[:100]
    expected = scores_onnx(model.SerializeToString(), views, "float32").logits
    found = scores_onnx(folded(model).SerializeToString(), views, "float32").logits
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_weights_beyond_float16_are_refused(tiny_model: Path) -> None:
    model = copy.deepcopy(onnx.load(tiny_model))
    (bias,) = [weight for weight in model.graph.initializer if list(weight.dims) == [1]]
    bias.CopyFrom(numpy_helper.from_array(np.array([1e5], np.float32), bias.name))
    with pytest.raises(PrecisionError, match="float16 cannot hold the weights"):
        to_float16(model)


def test_activations_beyond_float16_fail_the_gate(
    tiny_model: Path, tiny_data: Path, tmp_path: Path
) -> None:
    """The first layer is made as much stronger as the second is made weaker.

    In float32 nothing changes, and all weights fit float16, but what passes between them does not.
    """
    model = onnx.load(tiny_model)
    changed = []
    for weight in model.graph.initializer:
        values = numpy_helper.to_array(weight).astype(np.float32)
        if list(weight.dims) == [32, 3, 3, 3] or weight.name == "network.0.bias":
            values = values * STRONGER
        elif list(weight.dims) == [32, 32, 3, 3]:
            values = values / STRONGER
        else:
            continue
        changed.append(weight.name)
        kind = helper.tensor_dtype_to_np_dtype(weight.data_type)
        weight.CopyFrom(numpy_helper.from_array(values.astype(kind), weight.name))
    assert len(changed) == 3
    strong, output = tmp_path / "strong.onnx", tmp_path / "half.onnx"
    onnx.save(model, strong)
    options = ("--data", tiny_data, "-o", output)
    assert CliRunner().invoke(main, [str(p) for p in (strong, *options)]).exit_code == 0
    output.unlink()
    assert "the float16 file disagrees" in said(strong, *options, "--precision", "fp16")
    assert not output.exists()


def test_every_tensor_is_rounded_between_convolutions_too() -> None:
    """No activation stands between them, whose own float16 kernel would round."""
    values = {"pixels": 300.0, "strong": 1000.0, "weak": 0.001}
    weights = [
        numpy_helper.from_array(np.full((1, 1, 1, 1), value, np.float16), name)
        for name, value in values.items()
    ]
    nodes = [
        helper.make_node("Conv", ["pixels", "strong"], ["between"]),
        helper.make_node("Conv", ["between", "weak"], ["half"]),
        helper.make_node("Cast", ["half"], ["logit"], to=TensorProto.FLOAT),
    ]
    ignored = helper.make_tensor_value_info("images", TensorProto.UINT8, ["N"])
    logit = helper.make_tensor_value_info("logit", TensorProto.FLOAT, [1, 1, 1, 1])
    graph = helper.make_graph(nodes, "strong", [ignored], [logit], weights)
    model = helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 18)])
    found = scores_onnx(model.SerializeToString(), np.zeros(1, np.uint8), "float16").logits
    assert np.isinf(found).all(), "300,000 is more than float16 holds"


def test_a_graph_without_convolutions_is_refused(brightness_model: Path) -> None:
    model = onnx.load(brightness_model)
    with pytest.raises(PrecisionError, match="no convolution"):
        to_float16(model)
    with pytest.raises(PrecisionError, match="no convolution"):
        to_int8(model, np.zeros((2, 32, 32, 3), np.uint8))


def test_the_network_is_found_behind_the_normalisation(tiny_model: Path) -> None:
    half = to_float16(onnx.load(tiny_model))
    casts = {node.name: node for node in half.graph.node if node.op_type == "Cast"}
    assert helper.get_node_attr_value(casts["to_half"], "to") == TensorProto.FLOAT16
    divided = next(node for node in half.graph.node if node.op_type == "Div")
    assert casts["to_half"].input[0] == divided.output[0]
