"""Protects: the figures a detector is judged by are the ones their names promise."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as reference

from scanner.model.figures import sigmoid
from trainer.metrics import measure


def test_equals_sklearn() -> None:
    random = np.random.default_rng(3)
    labels = random.integers(0, 2, 500)
    logits = (random.normal(0, 2, 500) + 1.5 * labels).astype(np.float32)
    logits[:20] = logits[20:40]  # ties
    predicted, p_fake = logits >= 0, 1 / (1 + np.exp(-logits.astype(np.float64)))
    figures = measure(logits, labels)
    assert figures.images == 500
    assert figures.loss == pytest.approx(reference.log_loss(labels, p_fake))
    assert figures.f1 == pytest.approx(reference.f1_score(labels, predicted))
    assert figures.precision == pytest.approx(reference.precision_score(labels, predicted))
    assert figures.recall == pytest.approx(reference.recall_score(labels, predicted))
    assert figures.accuracy == pytest.approx(reference.accuracy_score(labels, predicted))
    assert figures.auroc == pytest.approx(reference.roc_auc_score(labels, p_fake))
    assert figures.average_precision == pytest.approx(
        reference.average_precision_score(labels, p_fake)
    )


def test_fake_is_the_positive_class_and_zero_counts_as_fake() -> None:
    figures = measure(np.array([0, -1, -1, -1], np.float32), np.array([1, 1, 0, 0]))
    assert figures.precision == 1
    assert figures.recall == 0.5


def test_a_model_that_calls_nothing_fake_scores_zero() -> None:
    figures = measure(np.array([-1, -2, -3], np.float32), np.array([1, 0, 0]))
    assert (figures.f1, figures.precision, figures.recall) == (0, 0, 0)


def test_probabilities_of_huge_logits_do_not_overflow() -> None:
    with np.errstate(all="raise"):
        found = sigmoid(np.array([-1e30, -2, 0, 2, 1e30], np.float32))
    assert found == pytest.approx([0, 0.11920292, 0.5, 0.88079708, 1])
    assert np.isfinite(measure(np.array([1e30, -1e30], np.float32), np.array([0, 1])).loss)
