"""Model files of fewer bits: from a float32 graph to float16 for GPUs and int8 for CPUs.

float16 is strongly typed: every tensor's type stands in the graph, as TensorRT 11 demands. Pixels
stay uint8, resizing and normalisation float32, and the logit float32. int8 has the arithmetic of
CPUs with VNNI; its ranges come from images that it is shown. int8-weights is float32 in a small
file: only the weights are int8, and only until they are loaded.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from export.resizing import resized_by_products
from scanner.errors import ImgscanError
from scanner.model import INPUT, WIDEN_ONCE

INT8_WEIGHTS = "int8-weights"
PRECISIONS = {"fp32": "float32", "fp16": "float16", "int8": "int8", INT8_WEIGHTS: INT8_WEIGHTS}
INT8_LARGEST = np.float32(127)
FLOAT32_SMALLEST = np.finfo(np.float32).tiny
HALF_LARGEST = float(np.finfo(np.float16).max)
CALIBRATION_BATCH = 16
# How ONNX Runtime's quantiser is told that a graph is folded already.
FOLDED = {"onnx.quant.pre_process": "onnxruntime.quant"}


Part = TypeVar("Part", onnx.NodeProto, onnx.TensorProto)


class PrecisionError(ImgscanError):
    """The graph cannot be had in that precision; the sentence says why."""


def to_float16(model: onnx.ModelProto) -> onnx.ModelProto:
    """The graph with all arithmetic after normalisation in float16. Raises PrecisionError."""
    half = folded(model)
    graph = half.graph
    normalised = _network(graph)[0].input[0]
    outputs = [output.name for output in graph.output]
    inside = {normalised}
    for node in _reached(graph, normalised):
        node.input[:] = [f"{name}.half" if name == normalised else name for name in node.input]
        node.output[:] = [f"{name}.half" if name in outputs else name for name in node.output]
        inside.update(node.input)
    for weight in graph.initializer:
        if weight.name in inside and weight.data_type == TensorProto.FLOAT:
            values = numpy_helper.to_array(weight)
            if np.abs(values).max(initial=0) > HALF_LARGEST:
                raise PrecisionError(
                    f"float16 cannot hold the weights {weight.name}, which exceed "
                    f"{HALF_LARGEST:g}; keep this model in float32."
                )
            weight.CopyFrom(numpy_helper.from_array(values.astype(np.float16), weight.name))
    narrow = helper.make_node(
        "Cast", [normalised], [f"{normalised}.half"], name="to_half", to=TensorProto.FLOAT16
    )
    widen = [
        helper.make_node(
            "Cast", [f"{name}.half"], [name], f"{name}_from_half", to=TensorProto.FLOAT
        )
        for name in outputs
    ]
    made_by = next(i for i, node in enumerate(graph.node) if normalised in node.output)
    graph.node.insert(made_by + 1, narrow)
    graph.node.extend(widen)
    return _checked(half)


def rounding_every_tensor(half: onnx.ModelProto) -> onnx.ModelProto:
    """A float16 graph that ONNX Runtime also rounds on a CPU, tensor by tensor, as a GPU does.

    CPUs compute it in float32, and ONNX Runtime drops the casts between one layer and the next, so
    that nothing would overflow or lose its last bits. It keeps them where two nodes stand between
    (a lone one it widens, too); run without optimisations, which would drop those nodes.
    """
    held = onnx.ModelProto()
    held.CopyFrom(half)
    known = onnx.shape_inference.infer_shapes(held).graph.value_info
    narrow = {info.name for info in known if info.type.tensor_type.elem_type == TensorProto.FLOAT16}
    nodes: list[onnx.NodeProto] = []
    for node in half.graph.node:
        kept = onnx.NodeProto()
        kept.CopyFrom(node)
        kept.output[:] = [f"{name}.held" if name in narrow else name for name in node.output]
        nodes.append(kept)
        for name in narrow.intersection(node.output):
            nodes.append(helper.make_node("Identity", [f"{name}.held"], [f"{name}.rounded"]))
            nodes.append(helper.make_node("Identity", [f"{name}.rounded"], [name]))
    del held.graph.node[:]
    held.graph.node.extend(nodes)
    return held


def to_int8(model: onnx.ModelProto, images: NDArray[np.uint8]) -> onnx.ModelProto:
    """The graph with int8 weights, a scale a channel, and uint8 activations.

    Weights take 7 of the 8 bits: CPUs without VNNI add products up in 16 bits, which full weights
    would overflow, so that the gate passed on one CPU would say nothing about another. The layer
    that gives the logit, and what joins the logits of several views, stay float32: in 8 bits there
    would be 256 scores, cut off at both ends. images: views, N×S×S×3 or N×V×S×S×3, whose
    activations set the ranges; those of others are cut off there. Raises PrecisionError.
    """
    from onnxruntime.quantization import (
        CalibrationDataReader,
        CalibrationMethod,
        QuantFormat,
        QuantType,
        quantize_static,
    )

    class Reader(CalibrationDataReader):
        def __init__(self) -> None:
            self._batches: Iterator[NDArray[np.uint8]] = iter(
                np.array_split(images, max(1, len(images) // CALIBRATION_BATCH))
            )

        def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
            batch = next(self._batches, None)
            return None if batch is None else {INPUT: batch}

    whole = folded(resized_by_products(model))
    helper.set_model_props(whole, FOLDED)
    network = _network(whole.graph)
    layers = [n for n, node in enumerate(network) if node.op_type in ("Gemm", "MatMul")]
    head = layers[-1] if layers else len(network)
    quantised = {node.name for node in network[:head]}
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder) / "int8.onnx"
        try:
            quantize_static(
                whole,
                written,
                Reader(),
                quant_format=QuantFormat.QDQ,
                per_channel=True,
                reduce_range=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                calibrate_method=CalibrationMethod.MinMax,
                nodes_to_exclude=[n.name for n in whole.graph.node if n.name not in quantised],
                op_types_to_quantize=["Conv", "Gemm", "MatMul", "Add", "MaxPool", "Relu"],
            )
        except Exception as error:  # the quantiser's errors share no base class
            raise PrecisionError(f"the graph cannot be quantised: {error}.") from error
        result = onnx.load(written)
    del result.metadata_props[:]
    return _checked(result)


def store_in_int8(model: onnx.ModelProto) -> onnx.ModelProto:
    """The graph with weights stored in int8 and widened as it is loaded; it computes in float32.

    Each output channel of a convolution or fully connected layer has a scale, its largest
    magnitude / 127, and each of its weights is off by half the scale at most. Biases, and what
    other layers hold, stay float32. Raises PrecisionError.
    """
    stored = folded(model)
    graph = stored.graph
    weights = {node.input[1] for node in _network(graph) if _rows_are_channels(node)}
    for weight in [weight for weight in graph.initializer if weight.name in weights]:
        values, name = numpy_helper.to_array(weight), weight.name
        rows = values.reshape(len(values), -1)
        largest = np.abs(rows).max(axis=1)
        scale = np.maximum(largest / INT8_LARGEST, FLOAT32_SMALLEST)  # not 0 for a row of zeros
        steps = np.rint(rows / scale[:, None]).astype(np.int8).reshape(values.shape)
        weight.CopyFrom(numpy_helper.from_array(steps, f"{name}.int8"))
        graph.initializer.append(numpy_helper.from_array(scale, f"{name}.scale"))
        # Not a Cast and a Mul: TensorRT takes int8 constants only to dequantise them.
        widen = helper.make_node(
            "DequantizeLinear",
            [f"{name}.int8", f"{name}.scale"],
            [name],
            name=f"{name}.widen",
            axis=0,
        )
        graph.node.insert(0, widen)
    return _checked(stored)


def _rows_are_channels(node: onnx.NodeProto) -> bool:
    """Whether a layer's weight has its output channels along axis 0."""
    if node.op_type == "Gemm":
        return any(attribute.name == "transB" and attribute.i for attribute in node.attribute)
    return node.op_type == "Conv"


def rounded_in_floats(model: onnx.ModelProto) -> onnx.ModelProto:
    """An int8-rows graph that computes the same in floating point: Round, in place of int8."""
    floats = onnx.ModelProto()
    floats.CopyFrom(model)
    graph = floats.graph
    scaled = {
        node.output[0]: node.input[0] for node in graph.node if node.op_type == "QuantizeLinear"
    }
    nodes = []
    for node in graph.node:
        if node.op_type == "DequantizeLinear" and node.input[0] in scaled:
            source = scaled[node.input[0]]
            nodes.append(helper.make_node("Round", [source], node.output, name=node.name))
        elif node.op_type != "QuantizeLinear":
            nodes.append(_copied(node))
    used = {name for node in nodes for name in node.input}
    weights = [_copied(weight) for weight in graph.initializer if weight.name in used]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(nodes)
    graph.initializer.extend(weights)
    return _checked(floats)


def _copied(part: Part) -> Part:
    """For what is to outlive its deletion from a graph."""
    copy = type(part)()
    copy.CopyFrom(part)
    return copy


def cast_first(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same graph with its pixels made float32 before anything else happens to them.

    TensorRT takes uint8 as an input and only to cast it; older model files transpose it first.
    """
    graph = model.graph
    if all(node.op_type in ("Cast", "Shape") for node in graph.node if INPUT in node.input):
        return model
    early = onnx.ModelProto()
    early.CopyFrom(model)
    graph = early.graph
    pixels = f"{INPUT}.float"
    for node in graph.node:
        node.input[:] = [pixels if name == INPUT else name for name in node.input]
    cast = helper.make_node("Cast", [INPUT], [pixels], name="to_float", to=TensorProto.FLOAT)
    graph.node.insert(0, cast)
    del graph.value_info[:]  # they name the old types
    return early


def folded(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same float32 graph with constants computed and batch normalisation in the convolutions.

    ONNX Runtime does it, once, so that rounding comes after folding and not before.
    """
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.log_severity_level = 3
    options.add_session_config_entry(*WIDEN_ONCE)
    with tempfile.TemporaryDirectory() as folder:
        options.optimized_model_filepath = str(Path(folder) / "folded.onnx")
        onnxruntime.InferenceSession(
            cast_first(model).SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        whole = onnx.load(options.optimized_model_filepath)
    used = {node.domain for node in whole.graph.node}
    kept = [entry for entry in whole.opset_import if entry.domain in used]
    del whole.opset_import[:], whole.metadata_props[:], whole.graph.value_info[:]
    whole.opset_import.extend(kept)
    return whole


def _network(graph: onnx.GraphProto) -> list[onnx.NodeProto]:
    """The nodes behind the normalised pixels, beginning with the first convolution."""
    first = next((node for node in graph.node if node.op_type == "Conv"), None)
    if first is None:
        raise PrecisionError("the graph has no convolution, so there is nothing to speed up.")
    return list(_reached(graph, first.input[0]))


def _reached(graph: onnx.GraphProto, start: str) -> Iterator[onnx.NodeProto]:
    """Nodes computed from the tensor `start`, in the graph's order."""
    tensors = {start}
    for node in graph.node:
        if tensors.intersection(node.input):
            tensors.update(node.output)
            yield node


def _checked(model: onnx.ModelProto) -> onnx.ModelProto:
    try:
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        reason = str(error).strip().splitlines()[0]
        raise PrecisionError(f"the converted graph is not sound: {reason}") from error
    return model
