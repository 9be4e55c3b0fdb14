"""The pictures of a comparison of backbones: F1 against speed, speed against batch, latencies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axis import XAxis, YAxis
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from benchmarks.backbones.speed import Sample

DPI = 130
MARKERS = "os^D"


def plot_all(
    folder: Path,
    rows: Sequence[Mapping[str, Any]],
    samples: Mapping[tuple[str, int], Sequence[Sample]],
) -> None:
    """Write backbones-f1.png, backbones-batch.png and backbones-latency.png to `folder`."""
    measured = pd.DataFrame([row for row in rows if "images_per_second_median" in row])
    _f1_against_speed(folder / "backbones-f1.png", measured)
    _speed_against_batch(folder / "backbones-batch.png", measured)
    _latencies(folder / "backbones-latency.png", samples)


def pareto(points: pd.DataFrame) -> pd.DataFrame:
    """The rows that no other row beats in both images_per_second_median and f1, slowest first."""
    fastest_first = points.sort_values(["images_per_second_median", "f1"], ascending=[False, False])
    best_so_far = fastest_first["f1"].cummax().shift(fill_value=-1.0)
    return fastest_first[fastest_first["f1"] > best_so_far][::-1]


def _f1_against_speed(path: Path, measured: pd.DataFrame) -> None:
    best = measured.loc[measured.groupby("candidate")["images_per_second_median"].idxmax()]
    best = best.sort_values("images_per_second_median")
    front = pareto(best)
    figure = Figure(figsize=(9, 4.5), layout="constrained")
    axes = figure.subplots()
    axes.plot(
        front["images_per_second_median"],
        front["f1"],
        "ko--",
        mfc="none",
        ms=13,
        label="Pareto front",
    )
    for number, row in enumerate(best.to_dict("records")):
        marker = MARKERS[number // 10 % len(MARKERS)]  # colours repeat after ten
        place = (row["images_per_second_median"], row["f1"])
        axes.plot(*place, marker, color=f"C{number % 10}", label=row["candidate"])
    axes.set(xscale="log", xlabel="images/s at the best batch (log)", ylabel="F1, test images")
    _plain_log(axes.xaxis)
    axes.margins(0.1, 0.2)
    axes.grid(alpha=0.3)
    figure.legend(loc="outside right upper", fontsize=8)
    figure.savefig(path, dpi=DPI)


def _plain_log(axis: XAxis | YAxis) -> None:
    """Plain numbers at 1, 2 and 5 along a logarithmic axis."""
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(StrMethodFormatter("{x:,g}"))
    axis.set_minor_formatter(NullFormatter())


def _speed_against_batch(path: Path, measured: pd.DataFrame) -> None:
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    for name, rows in measured.sort_values("batch", kind="stable").groupby("candidate", sort=False):
        axes.plot(rows["batch"], rows["images_per_second_median"], "o-", label=name)
        axes.fill_between(
            rows["batch"],
            rows["images_per_second_lowest"],
            rows["images_per_second_highest"],
            alpha=0.15,
        )
    batches = sorted(measured["batch"].unique())
    axes.set(
        xscale="log", yscale="log", xlabel="batch", ylabel="images/s (median, range of rounds)"
    )
    _plain_log(axes.yaxis)
    axes.set_xticks(batches, [str(batch) for batch in batches])
    figure.legend(loc="outside right upper", fontsize=8)
    figure.savefig(path, dpi=DPI)


def _latencies(path: Path, samples: Mapping[tuple[str, int], Sequence[Sample]]) -> None:
    """Single images, one at a time."""
    found = {
        name: [second * 1e3 for sample in taken for second in sample.latencies]
        for (name, batch), taken in samples.items()
        if batch == 1
    }
    if not found:
        return
    names = sorted(found, key=lambda name: -sorted(found[name])[len(found[name]) // 2])
    figure = Figure(figsize=(8, 1 + 0.45 * len(names)), layout="constrained")
    axes = figure.subplots()
    axes.boxplot(
        [found[name] for name in names], tick_labels=names, orientation="horizontal", sym="."
    )
    axes.set(xscale="log", xlabel="latency of one image, ms (log; box: quartiles)")
    _plain_log(axes.xaxis)
    axes.grid(axis="x", alpha=0.3)
    figure.savefig(path, dpi=DPI)
