"""A linear head on the tower's class tokens, fitted so that no source outweighs the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.photographs.sources import Photograph, source_sizes

MOST_STEPS = 300
SMALLEST_DEVIATION = 1e-6


@dataclass(frozen=True)
class Head:
    """logit = sum of weights (float32, blocks×768) times the tokens, plus bias."""

    weights: NDArray[np.float32]
    bias: float

    def logits(self, tokens: NDArray[np.float32]) -> NDArray[np.float32]:
        """Raw log-odds, float32 N, that images are of label 1, of their tokens N×blocks×768."""
        flat = tokens.reshape(len(tokens), -1)
        return (flat @ self.weights.ravel() + np.float32(self.bias)).astype(np.float32)


def fit(
    tokens: NDArray[np.float32],
    labels: NDArray[np.int64],
    weights: NDArray[np.float64],
    strength: float,
) -> Head:
    """Logistic regression on N×blocks×768 tokens, each of its features scaled to deviation 1.

    weights: of the N images. strength: of the L2 penalty's inverse, scikit-learn's C, for weights
    whose mean is 1.
    """
    from sklearn.linear_model import LogisticRegression

    flat = tokens.reshape(len(tokens), -1)
    mean, deviation = flat.mean(axis=0), np.maximum(flat.std(axis=0), SMALLEST_DEVIATION)
    model = LogisticRegression(C=strength, max_iter=MOST_STEPS)
    model.fit((flat - mean) / deviation, labels, sample_weight=weights / weights.mean())
    slopes = model.coef_[0] / deviation
    bias = float(model.intercept_[0] - slopes @ mean)
    return Head(slopes.reshape(tokens.shape[1:]).astype(np.float32), bias)


def image_weights(photographs: Sequence[Photograph]) -> NDArray[np.float64]:
    """A weight an image: sources count by the root of their size, and both classes the same."""
    sizes = source_sizes(photographs)
    each = np.array([sizes[p.source, p.label] ** -0.5 for p in photographs])
    labels = labels_of(photographs)
    for label in (0, 1):
        each[labels == label] /= each[labels == label].sum()
    return each


def labels_of(photographs: Sequence[Photograph]) -> NDArray[np.int64]:
    return np.array([photograph.label for photograph in photographs], np.int64)
