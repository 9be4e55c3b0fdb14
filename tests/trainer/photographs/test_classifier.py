"""Protects: training begins with the best head on the frozen tower, and its end is kept exactly."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from trainer.photographs.classifier import Classifier
from trainer.photographs.clip import WIDTH, Weights
from trainer.photographs.head import Head, fit

STRENGTH = 1e-3


@pytest.fixture
def classifier(weights: Weights) -> Classifier:
    torch.manual_seed(0)
    return Classifier(weights)


def material() -> tuple[Tensor, Tensor, Tensor]:
    """Tokens of 200 images, of which the label shows in a few numbers of different deviation."""
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, 200)
    tokens = random.normal(3, 1, (200, 2 * WIDTH)) * random.uniform(0.1, 4, 2 * WIDTH)
    tokens[:, :9] += labels[:, None]
    weights = random.uniform(0.5, 2, 200)
    return torch.Tensor(tokens), torch.Tensor(labels), torch.Tensor(weights)


def test_the_head_begins_as_the_fitted_one(classifier: Classifier) -> None:
    tokens, labels, weights = material()
    classifier.begin(tokens, labels, weights, STRENGTH)
    expected = fit(
        tokens.reshape(200, 2, WIDTH).numpy(), labels.long().numpy(), weights.double().numpy(),
        STRENGTH,
    )  # fmt: skip
    found = classifier.weigh(tokens).detach().numpy()
    assert np.abs(found - expected.logits(tokens.reshape(200, 2, WIDTH).numpy())).max() < 0.01


def test_what_was_learnt_is_forgotten(classifier: Classifier) -> None:
    tokens, labels, weights = material()
    for parameter in classifier.parameters():
        torch.nn.init.normal_(parameter)
    classifier.begin(tokens, labels, weights, STRENGTH)
    learnt = classifier.learnt()
    assert all(not array.any() for name, array in learnt.items() if name.endswith("/up"))
    assert np.array_equal(learnt["head/weight"], learnt["head/began-weight"])


def test_the_way_leads_from_the_beginning_to_what_was_learnt(classifier: Classifier) -> None:
    views = torch.randint(0, 256, (2, 224, 224, 3), dtype=torch.uint8)
    classifier.begin(*material(), STRENGTH)
    with torch.no_grad():
        begun = classifier(views)
        for parameter in classifier.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.01)
        learnt = classifier(views)
        with classifier.at(0):
            assert torch.allclose(classifier(views), begun, atol=1e-5)
        with classifier.at(1):
            assert torch.equal(classifier(views), learnt)
        with classifier.at(0.5):
            assert not torch.allclose(classifier(views), learnt, atol=1e-2)
        assert torch.equal(classifier(views), learnt)


def test_the_head_that_is_kept_weighs_tokens_as_they_are(classifier: Classifier) -> None:
    tokens, labels, weights = material()
    classifier.begin(tokens, labels, weights, STRENGTH)
    with torch.no_grad():
        classifier.head.weight.add_(torch.randn_like(classifier.head.weight), alpha=0.01)
    learnt = classifier.learnt()
    head = Head(learnt["head/weight"].reshape(2, WIDTH), float(learnt["head/bias"]))
    found = head.logits(tokens.reshape(200, 2, WIDTH).numpy())
    assert np.abs(found - classifier.weigh(tokens).detach().numpy()).max() < 1e-3
