"""Growth drawn: speed, and memory, against what grows."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

# By panel: the part, what is drawn of it, the labels, and whether what grows does so by factors.
PANELS = (
    ("files", "files_per_second", "small files", "files/s", True),
    ("files", "peak_megabytes", "small files", "peak memory, MB", True),
    ("megapixels", "files_per_second", "megapixels of a photograph", "files/s", True),
    ("megapixels", "megapixels_per_second", "megapixels of a photograph", "megapixels/s", True),
    ("workers", "files_per_second", "workers, 1 megapixel", "files/s", False),
    ("depth", "files_per_second", "archives around small files", "files/s", False),
)


def plot(measured: pd.DataFrame, path: Path) -> None:
    """Medians with the range of the rounds: a panel for each of PANELS that was measured."""
    there = [panel for panel in PANELS if panel[0] in set(measured["part"])]
    if not there:
        return
    down = -(-len(there) // 2)
    figure = Figure(figsize=(8.4, 2.9 * down), layout="constrained")
    axes = figure.subplots(down, 2, squeeze=False).flat
    for panel, (part, figures, across, up, by_factors) in zip(axes, there, strict=False):
        rows = measured[measured["part"] == part]
        rows = rows.assign(peak_megabytes=rows["peak_bytes"] / 1e6)
        found = rows.groupby("number")[figures]
        medians = found.median()
        panel.fill_between(medians.index, found.min(), found.max(), alpha=0.25)
        panel.plot(medians.index, medians, marker="o")
        panel.set(xlabel=across, ylabel=up, ylim=(0, found.max().max() * 1.15))
        panel.grid(alpha=0.3)
        if by_factors:
            panel.set(xscale="log", xlabel=f"{across} (logarithmic)")
        else:
            panel.set_xticks(medians.index)
    for panel in list(axes):  # those that are left
        panel.set_axis_off()
    figure.savefig(path, dpi=120)
