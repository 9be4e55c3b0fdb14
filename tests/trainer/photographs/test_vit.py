"""Protects: what is fine-tuned is the tower that is built, before training and after merging."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from click.testing import CliRunner
from numpy.typing import NDArray

from scanner.model import INPUT
from trainer.photographs import merge
from trainer.photographs.clip import SIDE, WIDTH, TowerError, Weights
from trainer.photographs.evenness import even_out
from trainer.photographs.merge import read_adapted, write_adapted, write_adapters
from trainer.photographs.tower import TOKENS, build, build_exact, tower_bytes
from trainer.photographs.vit import RANK, Tower, merged


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


def test_merged_it_computes_what_it_did_with_its_adapters(
    weights: Weights, trained: Tower, views: NDArray[np.uint8]
) -> None:
    found = by_torch(trained, views)
    assert np.abs(found - by_torch(Tower(weights), views)).max() > 0.1
    both = merged(weights, trained.adapters())
    assert np.abs(found - exact(both, views)).max() < 1e-3


def test_a_merged_tower_is_written_read_and_built_in_whole_numbers(
    weights: Weights,
    trained: Tower,
    views: NDArray[np.uint8],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(merge, "read_weights", lambda _: weights)
    write_adapters(tmp_path / "adapters.npz", trained.adapters())
    done = CliRunner().invoke(merge.main, [str(tmp_path)])
    assert done.exit_code == 0, done.output
    read = read_adapted(tmp_path / "tower.npz")
    assert read.matrices["layers.0/mlp/fc1"].weights.dtype == np.float32
    found, expected = exact(read, views), by_torch(trained, views)
    assert np.abs(found - expected).max() < 0.02  # what float16 loses
    rounded = by_graph(tower_bytes(build(read, even_out(read), [0, 1])), views)
    error = np.linalg.norm(rounded - expected, axis=-1) / np.linalg.norm(expected, axis=-1)
    assert error.max() < 0.03


def test_some_patches_are_those_alone(trained: Tower, views: NDArray[np.uint8]) -> None:
    """All patches in any order are all there is; what is left out plays no part."""
    images = torch.from_numpy(views)
    with torch.no_grad():
        shuffled = trained(images, torch.stack([torch.randperm(196) for _ in images]))
        some = torch.arange(100).expand(2, -1)
        changed = images.clone()
        changed[:, 9 * 16 :] = 0  # rows of patches from 126 on
        fewer, again = trained(images, some), trained(changed, some)
    assert np.abs(shuffled.numpy() - by_torch(trained, views)).max() < 1e-3
    assert torch.equal(fewer, again)
    assert not torch.allclose(fewer, shuffled, atol=1e-2)


def test_matrices_take_half_the_room(weights: Weights, tmp_path: Path) -> None:
    write_adapted(tmp_path / "tower.npz", weights)
    numbers = sum(matrix.weights.size for matrix in weights.matrices.values())
    with zipfile.ZipFile(tmp_path / "tower.npz") as file:
        size = sum(it.file_size for it in file.infolist() if it.filename.endswith("/weights.npy"))
    assert 2 * numbers <= size < 2.01 * numbers


@pytest.mark.parametrize("content", [b"", b"no tower"])
def test_what_is_no_tower_is_told(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "tower.npz").write_bytes(content)
    with pytest.raises(TowerError, match=r"merge one with python -m trainer\.photographs\.merge"):
        read_adapted(tmp_path / "tower.npz")


def test_adapters_are_no_tower(trained: Tower, tmp_path: Path) -> None:
    write_adapters(tmp_path / "adapters.npz", trained.adapters())
    with pytest.raises(TowerError, match="holds no merged tower"):
        read_adapted(tmp_path / "adapters.npz")


def test_a_folder_without_adapters_is_told(tmp_path: Path) -> None:
    done = CliRunner().invoke(merge.main, [str(tmp_path)])
    assert done.exit_code == 1
    assert "train them with python -m trainer.photographs.adapt" in done.output
