"""The picture of a comparison with peers."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

from benchmarks.peers.contenders import OURS
from benchmarks.peers.table import speed_of
from benchmarks.shared.results import Row


def plot_speed(rows: list[Row], path: Path) -> None:
    """Bars of files/s, with how many times faster imgscan is."""
    shown = [row for row in rows if "not_measured" not in row][::-1]
    figure = Figure(figsize=(8, 0.6 * len(shown) + 1), layout="constrained")
    axes = figure.subplots()
    speeds = [row["files_per_second"] for row in shown]
    colours = ["tab:blue" if row["contender"].startswith(OURS) else "tab:grey" for row in shown]
    bars = axes.barh([row["contender"] for row in shown], speeds, color=colours)
    labels = [
        speed_of(row)
        + ("" if row["contender"].startswith(OURS) else f"; imgscan {row['imgscan_ratio']:.3g}×")
        for row in shown
    ]
    axes.bar_label(bars, labels, padding=4)
    axes.set_xlim(0, 1.5 * max(speeds))
    axes.set_xlabel("files scored a second, from start to CSV (higher is better)")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=120)
