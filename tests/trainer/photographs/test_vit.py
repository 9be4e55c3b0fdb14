"""Protects: what is fine-tuned is the tower that is built, before training and after."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray

from scanner.model import INPUT
from trainer.photographs.clip import SIDE, WIDTH, Matrix, Weights
from trainer.photographs.lora import RANK, SCALE
from trainer.photographs.tower import TOKENS, build_exact, tower_bytes
from trainer.photographs.vit import Tower


@pytest.fixture(scope="module")
def views() -> NDArray[np.uint8]:
    return np.random.default_rng(1).integers(0, 256, (2, SIDE, SIDE, 3), dtype=np.uint8)


@pytest.fixture
def trained(weights: Weights) -> Tower:
    """A tower whose adapters change something."""
    torch.manual_seed(0)
    tower = Tower(weights)
    with torch.no_grad():
        for parameter in tower.parameters():
            parameter.uniform_(-0.02, 0.02)
    return tower


def by_graph(graph: bytes, views: NDArray[np.uint8]) -> NDArray[np.float32]:
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    found: NDArray[np.float32] = session.run([TOKENS], {INPUT: views})[0]
    return found


def exact(weights: Weights, views: NDArray[np.uint8]) -> NDArray[np.float32]:
    return by_graph(tower_bytes(build_exact(weights, [0, 1])[0]), views)


@torch.no_grad()
def by_torch(tower: Tower, views: NDArray[np.uint8]) -> NDArray[np.float32]:
    found: NDArray[np.float32] = tower(torch.from_numpy(views)).numpy()
    return found


def test_it_begins_as_the_tower_that_is_built(weights: Weights, views: NDArray[np.uint8]) -> None:
    found = by_torch(Tower(weights), views)
    assert found.shape == (2, 2, WIDTH)
    assert np.abs(found - exact(weights, views)).max() < 1e-3


def test_the_adapters_alone_learn(weights: Weights) -> None:
    tower = Tower(weights)
    names = {name.rpartition(".")[2] for name, _ in tower.named_parameters()}
    assert names == {"down", "up"}
    assert set(tower.state_dict()) == {name for name, _ in tower.named_parameters()}
    assert len(list(tower.parameters())) == 2 * len(weights.matrices)
    assert all(RANK in parameter.shape for parameter in tower.parameters())


def test_its_adapters_add_their_product_to_each_matrix(
    weights: Weights, trained: Tower, views: NDArray[np.uint8]
) -> None:
    found = by_torch(trained, views)
    assert np.abs(found - by_torch(Tower(weights), views)).max() > 0.1
    learnt = trained.adapters()
    matrices = {
        layer: Matrix(
            matrix.weights + SCALE * (learnt[f"{layer}/down"] @ learnt[f"{layer}/up"]), matrix.bias
        )
        for layer, matrix in weights.matrices.items()
    }
    assert np.abs(found - exact(Weights(matrices, weights.arrays), views)).max() < 1e-3
