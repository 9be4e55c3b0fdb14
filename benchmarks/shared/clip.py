"""CLIP's image transformer and linear head as a plain PyTorch module, as people run it.

It imports nothing but PyTorch, since its users unpickle it in processes whose start is timed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class Shape:
    """blocks: of the transformer. width: of a token. patch: pixels of its side."""

    blocks: int
    heads: int
    width: int
    patch: int
    epsilon: float


class Clip(nn.Module):
    """From views, uint8 N×S×S×3, to logits, float32 N."""

    mean: Tensor
    deviation: Tensor
    places: Tensor
    kernel: Tensor
    weights: Tensor
    bias: Tensor

    def __init__(self, shape: Shape, tensors: Mapping[str, Tensor]) -> None:
        """tensors: by the names that the model file gives them, its int8 weights in floats."""
        super().__init__()
        self._shape = shape
        for name in ("mean", "deviation", "places", "kernel"):
            self.register_buffer(name, tensors[name])
        self.first = _norm(shape, tensors, "pre_layrnorm")
        self.blocks = nn.ModuleList(_Block(shape, tensors, n) for n in range(shape.blocks))
        self.register_buffer("weights", tensors["logit.weights"])
        self.register_buffer("bias", tensors["logit.bias"])

    def forward(self, images: Tensor) -> Tensor:
        pixels = (images.permute(0, 3, 1, 2) - self.mean) / self.deviation
        x = F.conv2d(pixels, self.kernel, stride=self._shape.patch).flatten(2).transpose(1, 2)
        x = self.first(F.pad(x, (0, 0, 1, 0)) + self.places)  # the class token's row comes first
        tokens = []
        for block in self.blocks:
            x = block(x)
            tokens.append(x[:, 0])
        return (torch.stack(tokens, dim=1) * self.weights).sum(dim=(1, 2)) + self.bias


class _Block(nn.Module):
    """Attention and MLP, each added to the tokens."""

    slope: Tensor

    def __init__(self, shape: Shape, tensors: Mapping[str, Tensor], number: int) -> None:
        super().__init__()
        layer = f"layers.{number}"
        self._heads = shape.heads
        self.norm1 = _norm(shape, tensors, f"encoder.{layer}.layer_norm1")
        self.norm2 = _norm(shape, tensors, f"encoder.{layer}.layer_norm2")
        # In the last block of the file the query is a layer of its own.
        asked = [f"{layer}/{name}" for name in ("query", "seen")]
        self.joined = _linear(tensors, *(name for name in asked if f"{name}.bias" in tensors))
        self.out = _linear(tensors, f"{layer}/self_attn/out_proj")
        self.up, self.down = (_linear(tensors, f"{layer}/mlp/{name}") for name in ("fc1", "fc2"))
        self.register_buffer("slope", tensors[f"{layer}/mlp/fc2.slope"])

    def forward(self, x: Tensor) -> Tensor:
        joined = self.joined(self.norm1(x)).unflatten(2, (3, self._heads, -1))
        q, k, v = joined.permute(2, 0, 3, 1, 4)
        found = F.scaled_dot_product_attention(q, k, v, scale=1.0)  # the query is scaled already
        x = x + self.out(found.transpose(1, 2).flatten(2))
        y = self.up(self.norm2(x))
        return x + self.down(y * torch.sigmoid(self.slope * y))


def _norm(shape: Shape, tensors: Mapping[str, Tensor], name: str) -> nn.LayerNorm:
    norm = nn.LayerNorm(shape.width, shape.epsilon)
    norm.load_state_dict({it: tensors[f"{name}.{it}"] for it in ("weight", "bias")})
    return norm


def _linear(tensors: Mapping[str, Tensor], *names: str) -> nn.Linear:
    """The layers of one input as one, their outputs side by side."""
    weights = torch.cat([tensors[f"{name}.weights"] for name in names], dim=1).T.contiguous()
    layer = nn.Linear(weights.shape[1], weights.shape[0])
    bias = torch.cat([tensors[f"{name}.bias"] for name in names])
    layer.load_state_dict({"weight": weights, "bias": bias})
    return layer
