"""Plots of a run, written as PNG into its folder."""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from numpy.typing import NDArray

SMOOTHING = 0.1  # of the loss curve: weight of each new point in the moving average


def plot_run(
    folder: Path,
    steps: pd.DataFrame,
    evaluations: pd.DataFrame,
    predicted: NDArray[np.bool_],
    labels: NDArray[np.int64],
) -> None:
    """Draw learning_rate.png, loss.png and confusion_matrix.png.

    steps: columns step, learning_rate, loss. evaluations: columns step, loss, f1. predicted and
    labels: N verdicts and truths of the test split, true or 1 for fake.
    """
    _plot_learning_rate(folder / "learning_rate.png", steps)
    _plot_loss(folder / "loss.png", steps, evaluations)
    _plot_confusion(folder / "confusion_matrix.png", predicted, labels)


def _plot_learning_rate(path: Path, steps: pd.DataFrame) -> None:
    figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
    axes.plot(steps["step"], steps["learning_rate"])
    axes.set(xlabel="optimiser step", ylabel="learning rate", title="Learning rate", ylim=(0, None))
    figure.savefig(path, dpi=120)
    plt.close(figure)


def _plot_loss(path: Path, steps: pd.DataFrame, evaluations: pd.DataFrame) -> None:
    figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
    smooth = steps["loss"].ewm(alpha=SMOOTHING).mean()
    axes.plot(steps["step"], smooth, label="training (moving average)")
    axes.plot(evaluations["step"], evaluations["loss"], "o-", label="validation")
    axes.set(xlabel="optimiser step", ylabel="cross-entropy (nats)", title="Loss", ylim=(0, None))
    f1_axes = axes.twinx()
    f1_axes.plot(
        evaluations["step"], evaluations["f1"], "s--", color="tab:green", label="validation F1"
    )
    f1_axes.set(ylabel="F1", ylim=(None, 1))
    lines = axes.get_lines() + f1_axes.get_lines()
    figure.legend(
        lines, [str(line.get_label()) for line in lines], loc="outside lower center", ncols=3
    )
    figure.savefig(path, dpi=120)
    plt.close(figure)


def _plot_confusion(path: Path, predicted: NDArray[np.bool_], labels: NDArray[np.int64]) -> None:
    from sklearn.metrics import ConfusionMatrixDisplay

    figure, axes = plt.subplots(figsize=(5, 4), layout="constrained")
    ConfusionMatrixDisplay.from_predictions(
        labels, predicted.astype(int), display_labels=["real", "fake"], cmap="Blues", ax=axes
    )
    axes.set_title("Test split")
    figure.savefig(path, dpi=120)
    plt.close(figure)
