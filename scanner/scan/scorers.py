"""The models of a scan, each with the backend that runs it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from scanner.backends.backend import CPU, Backend, Tell
from scanner.backends.cascade import CascadeBackend
from scanner.backends.choose import open_backend
from scanner.model.card import ModelError
from scanner.model.companion import companion, why_unused
from scanner.model.file import ModelFile, open_models
from scanner.record import Verdict
from scanner.scan.outcome import Judged
from scanner.scan.request import Request


@dataclass(frozen=True)
class Scorer:
    """One model, which judges the images in its domain; `backend` computes its scores.

    first: the int8 file that scores before the model's own, where one does.
    """

    model: ModelFile
    backend: Backend
    first: ModelFile | None = None

    @property
    def name(self) -> str:
        """What rows call the model."""
        return f"{self.model.name}@{self.model.sha256[:12]}"

    def judged(self, verdicts: Counter[Verdict]) -> Judged:
        """What it gave, by those verdicts."""
        backend = self.backend
        return Judged(self.model, self.first, backend.provider, backend.precision, verdicts)


def open_scorers(request: Request, tell: Tell) -> tuple[Scorer, ...]:
    """The models that are asked for, ready to score. Raises ModelError, BackendError."""
    models = open_models(request.model)
    if request.false_positive_rate is not None:
        models = _at(models, request.false_positive_rate)
    return tuple(_scorer(model, request, tell) for model in models)


def _scorer(model: ModelFile, request: Request, tell: Tell) -> Scorer:
    backend = open_backend(model, request.device, None, request.batch_size, tell)
    # Where the evidence lies in a picture is told by small differences between its logits.
    exact = request.exact or bool(request.explain)
    found = None if exact or backend.provider != CPU else companion(model)
    if found is None:
        return Scorer(model, backend)
    first, claim = found
    if reason := why_unused(model, first, claim):
        tell(f"{first.path} is not used: {reason}. {model.path.name} scores alone.")
        return Scorer(model, backend)
    if not claim.pays(model.card.operating_points[0]):
        return Scorer(model, backend)
    fast = open_backend(first, "cpu", None, request.batch_size, tell)
    return Scorer(model, CascadeBackend(fast, backend, model.card, claim), first)


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
