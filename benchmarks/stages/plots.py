"""Plots of the stages of a scan: where time goes, and what stands above its speed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from benchmarks.stages.costs import PARTS, STAGES, WORKER

DPI = 120
# The worker's stage by its parts.
SHARES = [part for stage in STAGES for part in (PARTS if stage == WORKER else (stage,))]
TINTS = (*(f"C{number}" for number in range(10)), "lightgrey", "gold")
COLOURS = dict(zip(SHARES, TINTS, strict=True))
WHOLE = "scan"
CORES = "all stages\nsharing the cores"


def plot_costs(measured: pd.DataFrame, path: Path) -> None:
    """Processor time a file, stacked: a panel a kind of image, a bar a container."""
    costs = measured[measured["stage"].isin(SHARES)]
    kinds = list(costs["images"].unique())
    figure, panels = _panels(len(kinds), height=2.8)
    for panel, kind in zip(panels, kinds, strict=True):
        of_kind = costs[costs["images"] == kind]
        medians = of_kind.groupby(["container", "stage"])["cpu_ms_per_file"].median().unstack()
        left = pd.Series(0.0, medians.index)
        for share in SHARES:
            panel.barh(medians.index, medians[share], left=left, color=COLOURS[share], label=share)
            left += medians[share]
        panel.set(title=kind, xlabel="processor time, ms/file", xlim=(0, None))
        panel.invert_yaxis()
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=6, frameon=False)
    figure.savefig(path, dpi=DPI)


def plot_ceilings(measured: pd.DataFrame, path: Path) -> None:
    """Files/s of each stage alone, of all together on the cores, and of the whole scan."""
    folders = measured[measured["container"] == "folder"]
    kinds = list(folders["images"].unique())
    figure, panels = _panels(len(kinds), height=3.6)
    for panel, kind in zip(panels, kinds, strict=True):
        of_kind = folders[folders["images"] == kind]
        medians = of_kind.groupby("stage")["ceiling"].median().reindex(STAGES)
        scans = of_kind[of_kind["measured"] == "scan"]
        medians[CORES] = scans["cores_ceiling"].median()
        medians[WHOLE] = scans["files_per_second"].median()
        colours = ["lightsteelblue"] * len(STAGES) + ["steelblue", "darkorange"]
        bars = panel.barh(medians.index, medians, color=colours)
        panel.bar_label(bars, [f"{value:,.3g}" if value < 100 else f"{value:,.0f}"
                               for value in medians], padding=3, fontsize=8)  # fmt: skip
        panel.set(title=f"{kind}, folder", xlabel="files/s (logarithmic)", xscale="log")
        panel.set_xlim(medians.min() / 3, medians.max() * 12)
        panel.invert_yaxis()
    figure.savefig(path, dpi=DPI)


def _panels(count: int, height: float) -> tuple[Figure, list[Any]]:
    figure = Figure(figsize=(4.2 * count, height), layout="constrained")
    return figure, list(figure.subplots(1, count, squeeze=False)[0])
