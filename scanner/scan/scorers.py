"""The models of a scan, each with the backend that runs it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from scanner.backends.backend import Backend, Tell
from scanner.backends.choose import open_backend
from scanner.model.card import ModelError
from scanner.model.file import ModelFile, open_models
from scanner.scan.request import Request


@dataclass(frozen=True)
class Scorer:
    """One model, which judges the images in its domain; `backend` computes its scores."""

    model: ModelFile
    backend: Backend

    @property
    def name(self) -> str:
        """What rows call the model."""
        return f"{self.model.name}@{self.model.sha256[:12]}"


def open_scorers(request: Request, tell: Tell) -> tuple[Scorer, ...]:
    """The models that are asked for, ready to score. Raises ModelError, BackendError."""
    models = open_models(request.model)
    if request.false_positive_rate is not None:
        models = _at(models, request.false_positive_rate)
    return tuple(
        Scorer(model, open_backend(model, request.device, None, request.batch_size, tell))
        for model in models
    )


def _at(models: Sequence[ModelFile], false_positive_rate: float) -> tuple[ModelFile, ...]:
    """The models with the operating points of that rate, which each must have."""

    def at(model: ModelFile) -> ModelFile:
        try:
            return replace(model, card=model.card.at(false_positive_rate))
        except ModelError as error:
            if len(models) == 1:
                raise
            reason = str(error).removesuffix(".")
            raise ModelError(f"{model.name}: {reason}, or one model with --model.") from error

    return tuple(map(at, models))
