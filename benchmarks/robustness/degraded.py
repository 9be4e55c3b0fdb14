"""What becomes of the verdicts on test images as these are degraded more and more."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sklearn.metrics import f1_score, roc_auc_score

from benchmarks.robustness.degradations import DEGRADATIONS, Degradation
from benchmarks.shared.results import Row
from scanner.backends.backend import Backend, joined
from scanner.model import ModelCard
from scanner.model.figures import wilson_interval
from scanner.model.verdict import verdicts
from scanner.preprocess import view
from scanner.record import Verdict

UNHARMED = "as they are"


def score(images: Sequence[Image.Image], backend: Backend, card: ModelCard) -> NDArray[np.float32]:
    """Calibrated logits, float32 N, as a scan computes them."""
    views = np.stack([view(image, card.preprocessing) for image in images])
    batches = [
        views[at : at + backend.batch_size] for at in range(0, len(views), backend.batch_size)
    ]
    with ThreadPoolExecutor(backend.streams) as inference:
        scores = joined(list(inference.map(backend.score, batches)))
    return card.calibration.apply(scores.logits)


def figures(
    calibrated: NDArray[np.float32], labels: NDArray[np.int64], card: ModelCard
) -> dict[str, float]:
    """F1, AUROC, false-positive rate with its 95% interval, and share inconclusive."""
    said = verdicts(calibrated, card.operating_points[0])
    fake = said == Verdict.FAKE
    accused, real = int(fake[labels == 0].sum()), int((labels == 0).sum())
    low, high = wilson_interval(accused, real)
    return {
        "f1": float(f1_score(labels, fake, zero_division=0.0)),
        "auroc": float(roc_auc_score(labels, calibrated)),
        "false_positive_rate": accused / real,
        "false_positive_rate_low": low,
        "false_positive_rate_high": high,
        "inconclusive": float((said == Verdict.INCONCLUSIVE).mean()),
    }


def chosen_strengths(degradation: Degradation, quick: bool) -> tuple[float, ...]:
    """All, or a middle one and the strongest."""
    strengths = degradation.strengths
    return (strengths[len(strengths) // 2], strengths[-1]) if quick else strengths


def conditions(quick: bool) -> Iterator[tuple[str, float | None, Callable[..., Image.Image]]]:
    """Name, strength and what makes an image so; the first leaves images as they are."""
    yield UNHARMED, None, lambda image, _: image
    for name, degradation in DEGRADATIONS.items():
        for strength in chosen_strengths(degradation, quick):
            yield name, strength, degradation.apply


def measure(
    images: Sequence[Image.Image],
    labels: NDArray[np.int64],
    backend: Backend,
    card: ModelCard,
    quick: bool,
) -> Iterator[Row]:
    """A row for each condition."""
    for name, strength, apply in conditions(quick):
        harmed = [apply(image, strength) for image in images]
        row = {"degradation": name, "strength": strength, "images": len(images)}
        yield row | figures(score(harmed, backend, card), labels, card)
