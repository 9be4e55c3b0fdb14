"""The frozen tower: CLIP's image transformer as an ONNX graph that counts in whole numbers.

The graph that comes with the weights scales a layer's input by the extremes of the whole batch, so
that a picture's score depends on its neighbours, and its sums overflow on CPUs without VNNI. Here
each token is scaled by its own largest magnitude to 8 bits, and weights take 7 of the 8: sums of
products then fit 16 bits wherever a CPU adds them up so. No score depends on the batch, and no sum
overflows. What lies between the products is floating point, though, whose last bits differ between
kinds of processors and decide how a value is rounded: so do scores, by tenths.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from scanner.model import INPUT
from trainer.photographs.clip import (
    DEVIATION,
    GELU_SLOPE,
    HEAD_WIDTH,
    HEADS,
    MEAN,
    NORM_EPSILON,
    PATCH,
    PLACES,
    SIDE,
    WIDTH,
    Matrix,
    Weights,
)

TOKENS = "tokens"
LARGEST_ACTIVATION = 127
SMALLEST = 1e-3  # of a token's magnitude, so that zeros can be divided by it
OPSET, IR_VERSION = 18, 9
# By layer, the factors that its input's channels are divided by before they are rounded, and its
# weights' rows multiplied by.
Factors = Mapping[str, NDArray[np.float32]]


def build(weights: Weights, factors: Factors, blocks: Sequence[int]) -> onnx.ModelProto:
    """The graph from `images`, uint8 N×224×224×3, to TOKENS, float32 N×len(blocks)×768.

    factors: of `even_out`. blocks: whose class tokens are taken, in rising order, the first block
    being 0. What only later blocks need is left out.
    """
    return _grown(_Graph(weights, factors), blocks).model(len(blocks))


def build_exact(weights: Weights, blocks: Sequence[int]) -> tuple[onnx.ModelProto, dict[str, str]]:
    """The graph in float32, without any rounding, and by layer the name of its input's tensor."""
    graph = _ExactGraph(weights)
    return _grown(graph, blocks).model(len(blocks)), graph.inputs


def tower_bytes(model: onnx.ModelProto) -> bytes:
    """The same bytes for the same graph, whatever wrote it."""
    content: bytes = model.SerializeToString(deterministic=True)
    return content


def _grown(graph: _Graph, blocks: Sequence[int]) -> _Graph:
    tokens = graph.embedded()
    taken = []
    for block in range(max(blocks) + 1):
        last = block == max(blocks)
        tokens = graph.block(tokens, block, last)
        if block in blocks:
            taken.append(tokens if last else graph.class_token(tokens))
    graph.node("Concat", *taken, name=TOKENS, axis=1)
    return graph


class _Graph:
    """An ONNX graph that grows node by node; each method returns the name of its result."""

    def __init__(self, weights: Weights, factors: Factors) -> None:
        self._matrices = weights.matrices
        self._factors = factors
        self._arrays = weights.arrays
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}

    def node(self, kind: str, *inputs: str, name: str = "", **attributes: Any) -> str:
        name = name or f"{kind}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
        return name

    def constant(self, name: str, value: object, kind: type[np.generic] = np.float32) -> str:
        array = np.ascontiguousarray(np.asarray(value, kind))
        self._constants.setdefault(name, numpy_helper.from_array(array, name))
        return name

    def shape(self, *sizes: int) -> str:
        return self.constant(f"shape_{'_'.join(map(str, sizes))}", sizes, np.int64)

    def model(self, blocks: int) -> onnx.ModelProto:
        images = helper.make_tensor_value_info(INPUT, TensorProto.UINT8, ["N", SIDE, SIDE, 3])
        tokens = helper.make_tensor_value_info(TOKENS, TensorProto.FLOAT, ["N", blocks, WIDTH])
        graph = helper.make_graph(
            self._nodes, "clip_vit_b16", [images], [tokens], list(self._constants.values())
        )
        opset = [helper.make_opsetid("", OPSET)]
        model = helper.make_model(graph, ir_version=IR_VERSION, opset_imports=opset)
        onnx.checker.check_model(model, full_check=True)
        return model

    def embedded(self) -> str:
        """The views as tokens N×197×768: the class token, then a token a patch."""
        x = self.node(
            "Transpose", self.node("Cast", INPUT, to=TensorProto.FLOAT), perm=[0, 3, 1, 2]
        )
        mean = self.constant("mean", 255 * np.reshape(MEAN, (1, 3, 1, 1)))
        deviation = self.constant("deviation", 255 * np.reshape(DEVIATION, (1, 3, 1, 1)))
        x = self.node("Div", self.node("Sub", x, mean), deviation)
        kernel = "embeddings.patch_embedding.weight"
        kernel = self.constant(kernel, self._arrays[f"vision_model.{kernel}"])
        x = self.node("Conv", x, kernel, strides=[PATCH] * 2, kernel_shape=[PATCH] * 2)
        x = self.node("Reshape", x, self.shape(0, WIDTH, PLACES))
        x = self.node("Transpose", x, perm=[0, 2, 1])
        # The class token's own row, which holds zeros until its value is added with its place's.
        x = self.node("Pad", x, self.constant("row", [0, 1, 0, 0, 0, 0], np.int64))
        added = self._arrays["vision_model.embeddings.position_embedding.weight"].copy()
        added[0] += self._arrays["vision_model.embeddings.class_embedding"]
        x = self.node("Add", x, self.constant("places", added[None]))
        return self._norm(x, "pre_layrnorm")

    def class_token(self, x: str) -> str:
        begin, end = self.constant("0", [0], np.int64), self.constant("1", [1], np.int64)
        return self.node("Slice", x, begin, end, end)

    def block(self, x: str, number: int, last: bool) -> str:
        """Attention and MLP, each added to the tokens; of the last block the class token alone."""
        layer = f"layers.{number}"
        up, down = f"{layer}/mlp/fc1", f"{layer}/mlp/fc2"
        seen = self._norm(x, f"encoder.{layer}.layer_norm1", f"{layer}/seen")
        if last:
            x = self.class_token(x)
        x = self.node("Add", x, self._attention(seen, layer, last))
        y = self._norm(x, f"encoder.{layer}.layer_norm2", up)
        y = self._multiplied(y, self._taking(up).gives_divided(self._by(down)), up)
        slope = self.constant(f"{down}.slope", GELU_SLOPE * self._by(down))
        y = self.node("Mul", y, self.node("Sigmoid", self.node("Mul", y, slope)))
        return self.node("Add", x, self._multiplied(y, self._taking(down), down))

    def _attention(self, seen: str, layer: str, last: bool) -> str:
        """Of all tokens or, in the last block, of the class token to all."""
        out, of_seen = f"{layer}/self_attn/out_proj", f"{layer}/seen"
        query, key, value = (
            self._matrices[f"{layer}/self_attn/{name}_proj"].takes_divided(self._by(of_seen))
            for name in ("q", "k", "v")
        )
        query = query.times(HEAD_WIDTH**-0.5)  # a power of two, so that it changes no digit
        value = value.gives_divided(self._by(out))
        if last:
            asking, rows = self.class_token(seen), 1
            q = self._multiplied(asking, query, f"{layer}/query")
            k, v = self._split(self._multiplied(seen, key.beside(value), of_seen), 2)
        else:
            rows = 1 + PLACES
            joined = query.beside(key).beside(value)
            q, k, v = self._split(self._multiplied(seen, joined, of_seen), 3)
        q, v = (self._heads(x, n, [0, 2, 1, 3]) for x, n in ((q, rows), (v, 1 + PLACES)))
        k = self._heads(k, 1 + PLACES, [0, 2, 3, 1])
        weights = self.node("Softmax", self.node("MatMul", q, k), axis=-1)
        found = self.node("Transpose", self.node("MatMul", weights, v), perm=[0, 2, 1, 3])
        joined_heads = self.node("Reshape", found, self.shape(0, rows, WIDTH))
        return self._multiplied(joined_heads, self._taking(out), out)

    def _by(self, layer: str) -> NDArray[np.float32]:
        """What the layer's inputs are divided by."""
        return self._factors[layer]

    def _taking(self, layer: str) -> Matrix:
        return self._matrices[layer].takes_divided(self._by(layer))

    def _heads(self, x: str, rows: int, order: list[int]) -> str:
        split = self.node("Reshape", x, self.shape(0, rows, HEADS, HEAD_WIDTH))
        return self.node("Transpose", split, perm=order)

    def _split(self, x: str, parts: int) -> list[str]:
        names = [f"{x}_part_{part}" for part in range(parts)]
        self._nodes.append(helper.make_node("Split", [x], names, axis=-1, num_outputs=parts))
        return names

    def _norm(self, x: str, name: str, layer: str = "") -> str:
        """Layer normalisation, divided as the layer takes it."""
        by = self._by(layer) if layer else np.float32(1)
        weight, bias = (self._arrays[f"vision_model.{name}.{it}"] / by for it in ("weight", "bias"))
        both = (self.constant(f"{name}.weight", weight), self.constant(f"{name}.bias", bias))
        return self.node("LayerNormalization", x, *both, axis=-1, epsilon=NORM_EPSILON)

    def _multiplied(self, x: str, matrix: Matrix, name: str) -> str:
        """x times the matrix, plus its bias, by way of integers: each row in 8 bits of its own."""
        magnitude = self.node(
            "ReduceMax", self.node("Abs", x), self.constant("-1", [-1], np.int64), keepdims=1
        )
        magnitude = self.node("Max", magnitude, self.constant("smallest", SMALLEST))
        scale = self.node("Mul", magnitude, self.constant("step", 1 / LARGEST_ACTIVATION))
        one, zero = self.constant("one", 1), self.constant("zero", 0, np.int8)
        steps = self.node("QuantizeLinear", self.node("Div", x, scale), one, zero)
        whole = self.node("DequantizeLinear", steps, one, zero)
        short, of_weights = matrix.in_7_bits()
        wide = self.node(
            "DequantizeLinear",
            self.constant(f"{name}.weights", short, np.int8),
            self.constant(f"{name}.scale", of_weights),
            axis=1,
        )
        product = self.node("Mul", self.node("MatMul", whole, wide), scale)
        return self.node("Add", product, self.constant(f"{name}.bias", matrix.bias))


class _ExactGraph(_Graph):
    """The same in float32, which also tells where each layer's input is found."""

    def __init__(self, weights: Weights) -> None:
        super().__init__(weights, {})
        self.inputs: dict[str, str] = {}

    def _by(self, layer: str) -> NDArray[np.float32]:
        return np.ones((), np.float32)

    def _multiplied(self, x: str, matrix: Matrix, name: str) -> str:
        self.inputs[name] = x
        product = self.node("MatMul", x, self.constant(f"{name}.weights", matrix.weights))
        return self.node("Add", product, self.constant(f"{name}.bias", matrix.bias))
