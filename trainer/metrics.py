"""The figures a detector is judged by."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scanner.model.figures import expected_calibration_error, sigmoid


@dataclass(frozen=True)
class Metrics:
    """Figures on one labelled set; fake is the positive class and p_fake >= 0.5 is a positive.

    `loss` is the mean binary cross-entropy in nats; all others lie between 0 and 1.
    """

    images: int
    loss: float
    f1: float
    precision: float
    recall: float
    accuracy: float
    auroc: float
    average_precision: float
    expected_calibration_error: float


def measure(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> Metrics:
    """Metrics of N log-odds against N labels (1 is fake)."""
    from sklearn import metrics

    predicted = logits >= 0
    signed = np.where(labels == 1, -logits, logits).astype(np.float64)
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(
        labels, predicted, average="binary", zero_division=0.0
    )
    return Metrics(
        images=len(labels),
        loss=float(np.logaddexp(0, signed).mean()),
        f1=float(f1),
        precision=float(precision),
        recall=float(recall),
        accuracy=float(metrics.accuracy_score(labels, predicted)),
        auroc=float(metrics.roc_auc_score(labels, logits)),
        average_precision=float(metrics.average_precision_score(labels, logits)),
        expected_calibration_error=expected_calibration_error(sigmoid(logits), labels),
    )
