"""CLIP's image transformer in PyTorch, with a low-rank adapter beside each of its matrices.

The adapters (LoRA, Hu et al. 2021) are all that learns: two thin matrices, whose product is added
to a layer's own, and which begin as no change.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from trainer.photographs.clip import (
    DEVIATION,
    GELU_SLOPE,
    HEADS,
    MEAN,
    NORM_EPSILON,
    PATCH,
    WIDTH,
    Weights,
)
from trainer.photographs.lora import RANK, SCALE, Learnt

LAYERS = (
    *(f"self_attn/{name}_proj" for name in ("q", "k", "v", "out")),
    *("mlp/fc1", "mlp/fc2"),
)


class Tower(nn.Module):
    """The tower of as many blocks as the weights have; its parameters are the adapters'."""

    mean: Tensor
    deviation: Tensor
    kernel: Tensor
    first: Tensor
    places: Tensor

    def __init__(self, weights: Weights) -> None:
        super().__init__()
        embeddings = "vision_model.embeddings"
        places = weights.arrays[f"{embeddings}.position_embedding.weight"]
        first = weights.arrays[f"{embeddings}.class_embedding"] + places[0]
        _keep(self, "mean", 255 * np.reshape(MEAN, (1, 3, 1, 1)))
        _keep(self, "deviation", 255 * np.reshape(DEVIATION, (1, 3, 1, 1)))
        _keep(self, "kernel", weights.arrays[f"{embeddings}.patch_embedding.weight"])
        _keep(self, "first", first[None, None])
        _keep(self, "places", places[None, 1:])
        self.norm = _Norm(weights, "pre_layrnorm")
        names = (f"layers.{number}" for number in range(weights.blocks))
        self.blocks = nn.ModuleList(_Block(weights, name) for name in names)

    def forward(self, images: Tensor) -> Tensor:
        """Each block's class token, N×blocks×768, of views, uint8 N×224×224×3."""
        pixels = (images.permute(0, 3, 1, 2) - self.mean) / self.deviation
        x = F.conv2d(pixels, self.kernel, stride=PATCH).flatten(2).transpose(1, 2) + self.places
        x = self.norm(torch.cat([self.first.expand(len(x), -1, -1), x], dim=1))
        tokens = []
        for block in self.blocks:
            x = block(x)
            tokens.append(x[:, 0])
        return torch.stack(tokens, dim=1)

    def compile_blocks(self) -> None:
        """On a GPU, fuse what lies between the products; all blocks share one compiled code."""
        for block in self.blocks if self.kernel.is_cuda else ():
            block.compile(dynamic=False)

    def restart(self) -> None:
        """Adapters that change nothing."""
        for module in self.modules():
            if isinstance(module, _Adapted):
                module.restart()

    def adapters(self) -> Learnt:
        """A copy of what was learnt."""
        return {
            f"{module.layer}/{part}": parameter.detach().cpu().numpy().copy()
            for module in self.modules()
            if isinstance(module, _Adapted)
            for part, parameter in module.named_parameters()
        }


class _Block(nn.Module):
    """Attention and MLP, each added to the tokens."""

    def __init__(self, weights: Weights, block: str) -> None:
        super().__init__()
        self.norm1 = _Norm(weights, f"encoder.{block}.layer_norm1")
        self.norm2 = _Norm(weights, f"encoder.{block}.layer_norm2")
        self.layers = nn.ModuleDict({name: _Adapted(weights, f"{block}/{name}") for name in LAYERS})

    def forward(self, x: Tensor) -> Tensor:
        seen = self.norm1(x)
        q, k, v = (
            self.layers[f"self_attn/{name}_proj"](seen).unflatten(2, (HEADS, -1)).transpose(1, 2)
            for name in "qkv"
        )
        found = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        x = x + self.layers["self_attn/out_proj"](found)
        y = self.layers["mlp/fc1"](self.norm2(x))
        return x + self.layers["mlp/fc2"](y * torch.sigmoid(GELU_SLOPE * y))


class _Adapted(nn.Module):
    """A frozen layer and its adapter."""

    weights: Tensor
    bias: Tensor

    def __init__(self, weights: Weights, layer: str) -> None:
        super().__init__()
        self.layer = layer
        matrix = weights.matrices[layer]
        inputs, outputs = matrix.weights.shape
        _keep(self, "weights", matrix.weights.T)
        _keep(self, "bias", matrix.bias)
        self.down = nn.Parameter(torch.empty(inputs, RANK))
        self.up = nn.Parameter(torch.empty(RANK, outputs))
        self.restart()

    @torch.no_grad()
    def restart(self) -> None:
        widest = len(self.down) ** -0.5
        self.down.uniform_(-widest, widest)
        self.up.zero_()

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weights, self.bias) + SCALE * (x @ self.down) @ self.up


class _Norm(nn.Module):
    """Layer normalisation, frozen."""

    weight: Tensor
    bias: Tensor

    def __init__(self, weights: Weights, name: str) -> None:
        super().__init__()
        for it in ("weight", "bias"):
            _keep(self, it, weights.arrays[f"vision_model.{name}.{it}"])

    def forward(self, x: Tensor) -> Tensor:
        return F.layer_norm(x, (WIDTH,), self.weight, self.bias, NORM_EPSILON)


def _keep(module: nn.Module, name: str, value: NDArray[Any]) -> None:
    """Frozen numbers, which go where the module goes and into no checkpoint."""
    tensor = torch.from_numpy(np.array(value, np.float32, order="C"))
    module.register_buffer(name, tensor, persistent=False)
