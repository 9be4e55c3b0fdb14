"""Protects: what was learnt is what is merged, and nothing damaged or foreign is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from scanner.model import INPUT
from trainer.photographs.adapters import ALL, AdaptersError, adapters_file, merged
from trainer.photographs.clip import Weights
from trainer.photographs.judge import Judge
from trainer.photographs.tower import TOKENS, build_exact, tower_bytes


@pytest.fixture
def judge(weights: Weights) -> Judge:
    """One that has learnt something."""
    torch.manual_seed(0)
    judge = Judge(weights)
    tokens = 3 * torch.randn(20, judge.mean.numel())
    judge.begin(tokens, (tokens[:, 0] > 0).float(), torch.ones(20), 1e-3)
    with torch.no_grad():
        for parameter in judge.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.01)
    return judge


@pytest.fixture
def run(judge: Judge, tmp_path: Path) -> Path:
    np.savez(adapters_file(tmp_path, ALL), allow_pickle=False, **judge.learnt())
    return tmp_path


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_a_merged_tower_and_its_head_score_as_the_judge(
    weights: Weights, judge: Judge, run: Path, share: float
) -> None:
    views = np.random.default_rng(1).integers(0, 256, (2, 224, 224, 3), dtype=np.uint8)
    found = merged(weights, run, ALL, share)
    graph = tower_bytes(build_exact(found.weights, range(weights.blocks))[0])
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    logits = found.head.logits(session.run([TOKENS], {INPUT: views})[0])
    with torch.no_grad(), judge.at(share):
        expected = judge(torch.from_numpy(views)).numpy()
    assert np.abs(logits - expected).max() < 1e-3


def test_what_is_damaged_or_foreign_is_refused(weights: Weights, run: Path) -> None:
    with pytest.raises(AdaptersError, match=r"-3\.npz is damaged"):
        merged(weights, run, "3", 1)
    other = replace(weights, matrices={**weights.matrices, "layers.9/mlp/fc1": next(
        iter(weights.matrices.values())
    )})  # fmt: skip
    with pytest.raises(AdaptersError, match="of another tower"):
        merged(other, run, ALL, 1)
    path = adapters_file(run, ALL)
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(AdaptersError, match=r"-all\.npz is damaged"):
        merged(weights, run, ALL, 1)
