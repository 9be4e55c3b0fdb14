"""Channels evened out before they are rounded, so that a few loud ones do not drown the others.

A token is rounded in steps of its loudest channel. Dividing a layer's input by a factor a channel
and multiplying the weights' rows by the same changes nothing that the layer computes, but much of
what rounding loses; the division costs nothing, since what comes before takes it in (SmoothQuant,
Xiao et al. 2023, with a balance of one half between inputs and weights).
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnx import helper

from scanner.model import INPUT
from trainer.photographs.clip import SIDE, Matrix, Weights
from trainer.photographs.tower import Factors, build_exact

PICTURES, SEED, BATCH = 16, 0, 4
LARGEST_FACTOR = 64.0
SMALLEST_WEIGHT = 1e-6


def even_out(weights: Weights) -> Factors:
    """Factors for every layer, powers of two, so that dividing by them is exact."""
    factors = {}
    for layer, loudest in _loudest(weights).items():
        heaviest = np.max([np.abs(it.weights).max(axis=1) for it in _readers(weights, layer)], 0)
        balance = np.sqrt(loudest / np.maximum(heaviest, SMALLEST_WEIGHT))
        balance /= np.exp(np.log(balance).mean())
        balance = np.clip(balance, 1 / LARGEST_FACTOR, LARGEST_FACTOR)
        factors[layer] = np.exp2(np.rint(np.log2(balance))).astype(np.float32)
    return factors


def _readers(weights: Weights, layer: str) -> Iterable[Matrix]:
    """The matrices that the input of `layer` is multiplied with."""
    if layer in weights.matrices:
        return [weights.matrices[layer]]
    block, _ = layer.split("/")
    return [weights.matrices[f"{block}/self_attn/{name}_proj"] for name in ("q", "k", "v")]


def _loudest(weights: Weights) -> dict[str, NDArray[np.float32]]:
    """By layer, the largest magnitude of each channel of its input over noise pictures."""
    graph, inputs = build_exact(weights, range(weights.blocks))
    inputs = {layer: name for layer, name in inputs.items() if not layer.endswith("/query")}
    graph.graph.output.extend(map(helper.make_empty_tensor_value_info, sorted(inputs.values())))
    session = onnxruntime.InferenceSession(
        graph.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    pictures = noise(PICTURES, SEED)
    found = [
        session.run(list(inputs.values()), {INPUT: pictures[start : start + BATCH]})
        for start in range(0, PICTURES, BATCH)
    ]
    channels = zip(*found, strict=True)
    return {
        layer: np.maximum(np.max([np.abs(it).max(axis=(0, 1)) for it in batches], axis=0), 1e-6)
        for layer, batches in zip(inputs, channels, strict=True)
    }


def noise(count: int, seed: int) -> NDArray[np.uint8]:
    """Views uint8 count×224×224×3 of coloured noise.

    Its spectrum falls off as a photograph's does, so that channels are about as loud as there, and
    no photograph decides what the tower computes.
    """
    random = np.random.default_rng(seed)
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(SIDE), np.fft.fftfreq(SIDE)))
    frequency[0, 0] = frequency[0, 1]
    pictures = []
    for _ in range(count):
        white = np.fft.fft2(random.normal(size=(3, SIDE, SIDE)))
        planes = np.fft.ifft2(white / frequency ** random.uniform(0.5, 2)).real
        planes -= planes.mean(axis=(1, 2), keepdims=True)
        planes /= planes.std(axis=(1, 2), keepdims=True)
        grey = random.uniform()
        planes = grey * planes[:1] + (1 - grey) * planes
        planes = planes * random.uniform(20, 70) + random.uniform(60, 190)
        pictures.append(np.clip(planes, 0, 255).astype(np.uint8).transpose(1, 2, 0))
    return np.stack(pictures)
