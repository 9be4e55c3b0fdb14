"""Plots of a run, written as PNG into its folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib

from scanner.model.figures import CALIBRATION_BINS

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from scanner.model import ReliabilityBin

SMOOTHING = 0.1  # of the loss curve: weight of each new point in the moving average


def plot_run(
    folder: Path,
    steps: pd.DataFrame,
    evaluations: pd.DataFrame,
    logits: NDArray[np.float32],
    labels: NDArray[np.int64],
    bins: Sequence[ReliabilityBin],
    error: float,
) -> None:
    """Draw learning_rate.png, loss.png, confusion_matrix.png and reliability.png.

    steps: columns step, learning_rate, loss. evaluations: columns step, loss, f1. Of the test
    split, logits and labels: N calibrated log-odds and truths, positive or 1 for fake; bins and
    error: its reliability and expected calibration error.
    """
    _plot_learning_rate(folder / "learning_rate.png", steps)
    _plot_loss(folder / "loss.png", steps, evaluations)
    _plot_confusion(folder / "confusion_matrix.png", logits >= 0, labels)
    _plot_reliability(folder / "reliability.png", bins, error)


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


def _plot_reliability(path: Path, bins: Sequence[ReliabilityBin], error: float) -> None:
    """Share of fakes among the images of about one p_fake, with 95% intervals."""
    figure, (axes, counts) = plt.subplots(
        2, figsize=(5, 5.5), height_ratios=(4, 1), sharex=True, layout="constrained"
    )
    axes.plot([0, 1], [0, 1], color="grey", linestyle=":", label="perfect calibration")
    places = [found.p_fake for found in bins]
    shares = np.array([found.share_of_fakes for found in bins])
    low, high = np.array([found.interval for found in bins]).T
    spans = np.maximum(0, [shares - low, high - shares])
    axes.errorbar(places, shares, spans, fmt="o-", capsize=3, label="test split")
    axes.set(ylabel="share of fakes", title=f"Reliability (expected calibration error {error:.4f})")
    axes.legend()
    counts.bar(places, [found.images for found in bins], 0.8 / CALIBRATION_BINS, color="tab:grey")
    counts.set(xlabel="p_fake", ylabel="images", yscale="log")
    figure.savefig(path, dpi=120)
    plt.close(figure)


def plot_misclassified(
    path: Path,
    pictures: Sequence[NDArray[np.uint8]],
    p_fake: NDArray[np.float64],
    labels: NDArray[np.int64],
    columns: int = 8,
) -> None:
    """Draw N wrongly judged views (H×W×3 uint8) in the given order, with truth and p_fake."""
    rows = max(1, -(-len(pictures) // columns))
    figure, grid = plt.subplots(
        rows, columns, figsize=(columns * 1.2, rows * 1.45 + 0.5), layout="constrained"
    )
    for axes in np.ravel(grid):
        axes.axis("off")
    for axes, picture, probability, label in zip(
        np.ravel(grid), pictures, p_fake, labels, strict=False
    ):
        axes.imshow(picture)
        truth = "fake" if label else "real"
        axes.set_title(f"{truth}, p_fake {probability:.3f}", fontsize=7)
    title = (
        "Mistakes on the test split, the surest first"
        if pictures
        else "No mistakes on the test split"
    )
    figure.suptitle(title, fontsize=10)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def plot_histories(path: Path, title: str, histories: Mapping[str, pd.DataFrame]) -> None:
    """Draw validation loss and accuracy per epoch of several runs.

    histories: label to a run's metrics.csv (columns epoch, loss, accuracy); a label `NAME: WHAT`
    gets the colour of NAME and a line style of its WHAT.
    """
    names = list(dict.fromkeys(label.partition(": ")[0] for label in histories))
    kinds = list(dict.fromkeys(label.partition(": ")[2] for label in histories))
    figure, panels = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
    for axes, column in zip(panels, ("loss", "accuracy"), strict=True):
        for label, history in histories.items():
            name, _, kind = label.partition(": ")
            style = ("o-", "s--", "^:", "d-.")[kinds.index(kind) % 4]
            colour = f"C{names.index(name)}"
            axes.plot(history["epoch"], history[column], style, color=colour, label=label, ms=4)
        axes.set(xlabel="epoch", ylabel=f"validation {column}")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    figure.suptitle(title)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def plot_trainings(path: Path, trainings: Mapping[str, pd.DataFrame]) -> None:
    """Draw the loss of trainings, and how well each tells what it left out.

    trainings: by name; columns step, loss and, where something was left out, left_out_auroc, which
    has a value at a few steps.
    """
    figure, (losses, aurocs) = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
    for number, (name, steps) in enumerate(trainings.items()):
        losses.plot(steps["step"], steps["loss"], color=f"C{number}", label=name)
        if "left_out_auroc" in steps:
            looks = steps.dropna(subset=["left_out_auroc"])
            aurocs.plot(looks["step"], looks["left_out_auroc"], "o-", color=f"C{number}", ms=4)
    losses.set(xlabel="step", ylabel="training loss (nats)", yscale="log")
    aurocs.set(xlabel="step", ylabel="AUROC of what was left out")
    figure.legend(*losses.get_legend_handles_labels(), loc="outside lower center", ncols=4)
    figure.savefig(path, dpi=120)
    plt.close(figure)
