"""Plots of the stages of a scan: where time goes, what stands above its speed, how it scales."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from benchmarks.stages.costs import STAGES

DPI = 120
COLOURS = {stage: f"C{number}" for number, stage in enumerate(STAGES)}
WHOLE = "whole scan"
CORES = "all stages\nsharing the cores"


def plot_costs(measured: pd.DataFrame, path: Path) -> None:
    """Processor time a file by stage, stacked: a panel a kind of image, a bar a container."""
    stages = measured[measured["measured"] == "stage"]
    kinds = list(stages["images"].unique())
    figure, panels = _panels(len(kinds), height=2.6)
    for panel, kind in zip(panels, kinds, strict=True):
        of_kind = stages[stages["images"] == kind]
        medians = of_kind.groupby(["container", "stage"])["cpu_ms_per_file"].median().unstack()
        left = pd.Series(0.0, medians.index)
        for stage in STAGES:
            panel.barh(medians.index, medians[stage], left=left, color=COLOURS[stage], label=stage)
            left += medians[stage]
        panel.set(title=kind, xlabel="processor time, ms/file", xlim=(0, None))
        panel.invert_yaxis()
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(STAGES), frameon=False)
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


def plot_scaling(measured: pd.DataFrame, path: Path) -> None:
    """Files/s against the number of workers and against the number of files."""
    figure, (workers, files) = _panels(2, height=3.4)
    rows = measured[measured["measured"] == "workers"]
    _line(workers, rows, "workers", f"{rows['images'].iloc[0]} images, folder")
    workers.set(xlabel="decoding processes", xticks=sorted(rows["workers"].unique()))
    rows = measured[measured["measured"] == "files"]
    _line(files, rows, "files", f"{rows['images'].iloc[0]} images, folder")
    files.set(xlabel="files in the scan (logarithmic)", xscale="log")
    figure.savefig(path, dpi=DPI)


def _line(panel: Any, rows: pd.DataFrame, across: str, title: str) -> None:
    """Medians with the range of the rounds."""
    rates = rows.groupby(across)["files_per_second"]
    medians = rates.median()
    panel.fill_between(medians.index, rates.min(), rates.max(), alpha=0.25)
    panel.plot(medians.index, medians, marker="o")
    panel.set(title=title, ylabel="whole scan, files/s", ylim=(0, rates.max().max() * 1.1))
    panel.grid(alpha=0.3)


def _panels(count: int, height: float) -> tuple[Figure, list[Any]]:
    figure = Figure(figsize=(4.2 * count, height), layout="constrained")
    return figure, list(figure.subplots(1, count, squeeze=False)[0])
