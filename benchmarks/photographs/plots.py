"""Curves of the scores on left-out sources, and the mistakes as pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from PIL import Image, ImageDraw
from sklearn.metrics import det_curve, roc_curve

from benchmarks.photographs.verdicts import GIVEN
from scanner.images.decode import decode
from scanner.model.figures import reliability
from trainer.data.examples import DataError

THUMBNAIL, COLUMNS, CAPTION = 160, 8, 14
BESIDE = 0.008  # of p_fake, so that intervals of tiers do not hide each other
ENDS = (0.001, 0.5)  # of the axes of the DET curve
TICKS = (0.001, 0.01, 0.1, 0.5)


def plot_curves(said: pd.DataFrame, path: Path) -> None:
    """ROC and DET by tier, and how often p_fake holds. said: of one material by one detector."""
    figure = Figure(figsize=(12, 4), layout="constrained")
    roc, det, calibrated = figure.subplots(1, 3)
    for tier, group in said.groupby("tier", sort=False):
        accused, found, _ = roc_curve(group["label"], group["score"])
        roc.plot(accused, found, label=str(tier))
        accused, missed, _ = det_curve(group["label"], group["score"])
        det.plot(accused, missed, label=str(tier))
    roc.set(xlabel="photographs above", ylabel="fakes above", title="ROC", xlim=(0, 1), ylim=(0, 1))
    det.set(xlabel="photographs above", ylabel="fakes below", title="DET")
    det.set(xscale="logit", yscale="logit", xlim=ENDS, ylim=ENDS)
    det.set_xticks(TICKS, [f"{tick:.1%}" for tick in TICKS])
    det.set_yticks(TICKS, [f"{tick:.1%}" for tick in TICKS])
    det.minorticks_off()
    roc.legend()
    given = said[said["reason"].isin(GIVEN)]
    for place, (tier, group) in enumerate(given.groupby("tier", sort=False)):
        bins = reliability(group["score"].to_numpy(np.float32), group["label"].to_numpy())
        shares = np.array([found.share_of_fakes for found in bins])
        ends = np.abs(np.array([found.interval for found in bins]).T - shares)
        beside = [found.p_fake + BESIDE * (place - 1) for found in bins]
        calibrated.errorbar(beside, shares, ends, fmt="o", capsize=2, label=str(tier))
    calibrated.plot([0, 1], [0, 1], "k:", linewidth=1)
    calibrated.set(xlabel="p_fake", ylabel="share of fakes", title="Reliability")
    calibrated.legend()
    for panel in (roc, det, calibrated):
        panel.grid(alpha=0.3)
    figure.savefig(path, dpi=120)


def draw_mistakes(said: pd.DataFrame, files: dict[str, Path], count: int, path: Path) -> None:
    """A sheet of the `count` photographs likeliest called fake, then as many fakes called real.

    files: where an image is. Raises DataError where none of them is had.
    """
    there = said[said["image"].isin(list(files)) & said["reason"].isin(GIVEN)]
    if there.empty:
        raise DataError("none of the images is there for a sheet; name their folder with --files.")
    photographs = there[there["label"] == 0].nlargest(count, "score")
    fakes = there[there["label"] == 1].nsmallest(count, "score")
    chosen = [*photographs.to_dict("records"), *fakes.to_dict("records")]
    captions = [(files[row["image"]], f"{row['score']:+.1f} {row['source']}") for row in chosen]
    _sheet(captions, path)


def _sheet(pictures: Sequence[tuple[Path, str]], path: Path) -> None:
    lines = -(-len(pictures) // COLUMNS)
    height = THUMBNAIL + CAPTION
    sheet = Image.new("RGB", (COLUMNS * THUMBNAIL, lines * height), "white")
    pen = ImageDraw.Draw(sheet)
    for place, (file, caption) in enumerate(pictures):
        left, top = place % COLUMNS * THUMBNAIL, place // COLUMNS * height
        picture = decode(file.read_bytes()).rgb
        picture.thumbnail((THUMBNAIL - 4, THUMBNAIL - 4))
        sheet.paste(picture, (left, top))
        pen.text((left, top + THUMBNAIL), caption[: THUMBNAIL // 6], fill="black")
    sheet.save(path)
