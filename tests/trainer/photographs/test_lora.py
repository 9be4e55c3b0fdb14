"""Protects: what was learnt is what is merged, and nothing damaged or foreign is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from scanner.model import INPUT
from trainer.photographs.classifier import Classifier
from trainer.photographs.clip import Weights
from trainer.photographs.lora import ALL, LoraError, adapters_file, merged
from trainer.photographs.tower import TOKENS, build_exact, tower_bytes


@pytest.fixture
def classifier(weights: Weights) -> Classifier:
    """One that has learnt something."""
    torch.manual_seed(0)
    classifier = Classifier(weights)
    tokens = 3 * torch.randn(20, classifier.mean.numel())
    classifier.begin(tokens, (tokens[:, 0] > 0).float(), torch.ones(20), 1e-3)
    with torch.no_grad():
        for parameter in classifier.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.01)
    return classifier


@pytest.fixture
def run(classifier: Classifier, tmp_path: Path) -> Path:
    np.savez(adapters_file(tmp_path, ALL), allow_pickle=False, **classifier.learnt())
    return tmp_path


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_a_merged_tower_and_its_head_score_as_the_classifier(
    weights: Weights, classifier: Classifier, run: Path, share: float
) -> None:
    views = np.random.default_rng(1).integers(0, 256, (2, 224, 224, 3), dtype=np.uint8)
    found = merged(weights, run, ALL, share)
    graph = tower_bytes(build_exact(found.weights, range(weights.blocks))[0])
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    logits = found.head.logits(session.run([TOKENS], {INPUT: views})[0])
    with torch.no_grad(), classifier.at(share):
        expected = classifier(torch.from_numpy(views)).numpy()
    assert np.abs(logits - expected).max() < 1e-3


def test_what_is_damaged_or_foreign_is_refused(weights: Weights, run: Path) -> None:
    refused = pytest.raises(LoraError, match="is missing, damaged or of another tower")
    with refused:
        merged(weights, run, "3", 1)
    some = next(iter(weights.matrices.values()))
    with refused:
        merged(replace(weights, matrices={"layers.9/mlp/fc1": some}), run, ALL, 1)
    path = adapters_file(run, ALL)
    whole = path.read_bytes()
    for damaged in (whole[:-500], b"", b"PK"):
        path.write_bytes(damaged)
        with refused:
            merged(weights, run, ALL, 1)
