"""Protects: training begins with the best head on the frozen tower, and its end is kept exactly."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from trainer.photographs.clip import WIDTH, Weights
from trainer.photographs.head import Head, fit
from trainer.photographs.judge import Judge

STRENGTH = 1e-3


@pytest.fixture
def judge(weights: Weights) -> Judge:
    torch.manual_seed(0)
    return Judge(weights)


def material() -> tuple[Tensor, Tensor, Tensor]:
    """Tokens of 200 images, of which the label shows in a few numbers of different deviation."""
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, 200)
    tokens = random.normal(3, 1, (200, 2 * WIDTH)) * random.uniform(0.1, 4, 2 * WIDTH)
    tokens[:, :9] += labels[:, None]
    weights = random.uniform(0.5, 2, 200)
    return torch.Tensor(tokens), torch.Tensor(labels), torch.Tensor(weights)


def test_the_head_begins_as_the_fitted_one(judge: Judge) -> None:
    tokens, labels, weights = material()
    judge.begin(tokens, labels, weights, STRENGTH)
    expected = fit(
        tokens.reshape(200, 2, WIDTH).numpy(), labels.long().numpy(), weights.double().numpy(),
        STRENGTH,
    )  # fmt: skip
    found = judge.weigh(tokens).detach().numpy()
    assert np.abs(found - expected.logits(tokens.reshape(200, 2, WIDTH).numpy())).max() < 0.01


def test_what_was_learnt_is_forgotten(judge: Judge) -> None:
    tokens, labels, weights = material()
    for parameter in judge.parameters():
        torch.nn.init.normal_(parameter)
    judge.begin(tokens, labels, weights, STRENGTH)
    learnt = judge.learnt()
    assert all(not array.any() for name, array in learnt.items() if name.endswith("/up"))
    assert np.array_equal(learnt["head/weight"], learnt["head/began-weight"])


def test_the_way_leads_from_the_beginning_to_what_was_learnt(judge: Judge) -> None:
    views = torch.randint(0, 256, (2, 224, 224, 3), dtype=torch.uint8)
    judge.begin(*material(), STRENGTH)
    with torch.no_grad():
        begun = judge(views)
        for parameter in judge.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.01)
        learnt = judge(views)
        with judge.at(0):
            assert torch.allclose(judge(views), begun, atol=1e-5)
        with judge.at(1):
            assert torch.equal(judge(views), learnt)
        with judge.at(0.5):
            assert not torch.allclose(judge(views), learnt, atol=1e-2)
        assert torch.equal(judge(views), learnt)


def test_the_head_that_is_kept_weighs_tokens_as_they_are(judge: Judge) -> None:
    tokens, labels, weights = material()
    judge.begin(tokens, labels, weights, STRENGTH)
    with torch.no_grad():
        judge.head.weight.add_(torch.randn_like(judge.head.weight), alpha=0.01)
    learnt = judge.learnt()
    head = Head(learnt["head/weight"].reshape(2, WIDTH), float(learnt["head/bias"]))
    found = head.logits(tokens.reshape(200, 2, WIDTH).numpy())
    assert np.abs(found - judge.weigh(tokens).detach().numpy()).max() < 1e-3
