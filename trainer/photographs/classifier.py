"""The tower and a linear head, which begin as the frozen tower's best head and learn together.

A head that begins at random would teach the tower its own noise first, and spoil what it knows of
pictures that are unlike those it learns from (Kumar et al. 2022).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from trainer.evaluate import autocast
from trainer.photographs.clip import WIDTH, Weights
from trainer.photographs.head import SMALLEST_DEVIATION
from trainer.photographs.lora import BEGAN, HEAD, Learnt
from trainer.photographs.vit import Tower

MOST_STEPS = 200  # of the fit that the head begins with
MEMORY = 20  # of its steps, that L-BFGS estimates the curvature by


class Classifier(nn.Module):
    """logit = head of the tower's class tokens, each of their numbers scaled to deviation 1."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, weights: Weights) -> None:
        super().__init__()
        self.tower = Tower(weights)
        features = len(self.tower.blocks) * WIDTH
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("deviation", torch.ones(features))
        self.head = nn.Linear(features, 1)
        self._begun: dict[str, Tensor] = {}

    def tokens(self, views: Tensor) -> Tensor:
        """All blocks' class tokens, float32 N×features, of views uint8 N×224×224×3.

        On a GPU the tower computes in bfloat16.
        """
        with autocast(views.device.type, "bfloat16" if views.is_cuda else "float32"):
            tokens: Tensor = self.tower(views)
        return tokens.float().flatten(1)

    def forward(self, views: Tensor) -> Tensor:
        """Raw log-odds, float32 N, that they are fake."""
        return self.weigh(self.tokens(views))

    def weigh(self, tokens: Tensor) -> Tensor:
        """Raw log-odds, float32 N, that images of these tokens, float32 N×features, are fake."""
        logits: Tensor = self.head((tokens - self.mean) / self.deviation)[:, 0]
        return logits

    def begin(self, tokens: Tensor, labels: Tensor, weights: Tensor, strength: float) -> None:
        """Forget all that was learnt, and fit the head as `head.fit` does.

        tokens: of the tower without adapters, float32 N×features. labels, weights: float32 N, of
        the images. strength: of the L2 penalty's inverse, for weights whose mean is 1.
        """
        self.tower.restart()
        self.mean.copy_(tokens.mean(dim=0))
        self.deviation.copy_(tokens.std(dim=0, correction=0).clamp(min=SMALLEST_DEVIATION))
        scaled = (tokens - self.mean) / self.deviation
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)
        solver = torch.optim.LBFGS(
            self.head.parameters(),
            max_iter=MOST_STEPS,
            history_size=MEMORY,
            line_search_fn="strong_wolfe",
        )
        weights = strength * weights / weights.mean()

        def loss() -> Tensor:
            solver.zero_grad()
            errors = F.binary_cross_entropy_with_logits(
                self.head(scaled)[:, 0], labels, weights, reduction="sum"
            )
            total = errors + self.head.weight.square().sum() / 2
            total.backward()
            return total

        solver.step(loss)
        solver.zero_grad(set_to_none=True)
        self._begun = {name: it.detach().clone() for name, it in self.head.named_parameters()}

    @contextmanager
    def at(self, share: float) -> Iterator[None]:
        """Only that share of the way from what it began as to what it has learnt (0 to 1).

        Part of the way can do better on what is unlike the training images (Wortsman et al. 2022).
        """
        learnt = {name: it.detach().clone() for name, it in self.named_parameters()}
        with torch.no_grad():
            for name, parameter in self.named_parameters():
                if name.endswith(".up"):
                    parameter.mul_(share)
            for name, parameter in self.head.named_parameters():
                parameter.copy_(torch.lerp(self._begun[name], parameter, share))
        try:
            yield
        finally:
            with torch.no_grad():
                for name, parameter in self.named_parameters():
                    parameter.copy_(learnt[name])

    def learnt(self) -> Learnt:
        """A copy: the adapters' arrays, and the head's for tokens as they are, before and after."""
        began = {f"{BEGAN}{name}": it for name, it in self._of_tokens(self._begun).items()}
        now = dict(self.head.named_parameters())
        ended = {f"{HEAD}{name}": it for name, it in self._of_tokens(now).items()}
        return {**self.tower.adapters(), **began, **ended}

    def _of_tokens(self, head: Mapping[str, Tensor]) -> dict[str, NDArray[np.float32]]:
        slopes = head["weight"].detach()[0].double() / self.deviation
        bias = head["bias"].detach()[0].double() - slopes @ self.mean.double()
        return {"weight": slopes.float().cpu().numpy(), "bias": bias.float().cpu().numpy()}
