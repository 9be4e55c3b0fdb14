"""Protects: the head is the regression it says, and no source outweighs the others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from trainer.photographs.head import Head, fit, image_weights, labels_of
from trainer.photographs.sources import Photograph


def images(*sizes: tuple[str, int, int]) -> list[Photograph]:
    return [
        Photograph("0" * 64, label, source, source, "", "", Path(), whole=True)
        for source, label, count in sizes
        for _ in range(count)
    ]


def test_classes_weigh_the_same_and_sources_by_the_root_of_their_size() -> None:
    photographs = images(("a", 0, 100), ("b", 0, 4), ("c", 1, 9))
    weights = image_weights(photographs)
    labels = labels_of(photographs)
    assert weights[labels == 0].sum() == pytest.approx(weights[labels == 1].sum())
    assert weights[:100].sum() == pytest.approx(5 * weights[100:104].sum())


def test_a_head_separates_what_can_be_separated_whatever_its_scale() -> None:
    random = np.random.default_rng(0)
    labels = np.repeat([0, 1], 40)
    tokens = random.normal(0, 1, (80, 2, 3)).astype(np.float32)
    tokens[:, 1, 2] += 4 * labels
    tokens *= np.array([1, 1000, 0.001], np.float32)
    tokens[:, 0, 0] = 7  # a feature that never moves says nothing, and divides by nothing
    head = fit(tokens, labels, np.ones(80), 1.0)
    logits = head.logits(tokens)
    assert head.weights.shape == (2, 3)
    assert ((logits > 0) == labels).mean() > 0.95
    assert np.isfinite(head.weights).all()


def test_logits_are_the_weighted_sum() -> None:
    head = Head(np.array([[1, 2], [3, 4]], np.float32), 0.5)
    tokens = np.array([[[1, 0], [0, 1]], [[0, 1], [1, 0]]], np.float32)
    assert head.logits(tokens).tolist() == [5.5, 5.5]
    assert head.logits(tokens).dtype == np.float32
