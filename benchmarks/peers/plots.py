"""The picture of a comparison with peers."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

from benchmarks.peers.contenders import OURS
from benchmarks.peers.table import speed_of
from benchmarks.shared.results import Row


def plot_speed(rows: list[Row], path: Path) -> None:
    """Bars of files/s, with how many times faster imgscan is: a panel a kind of image."""
    kinds: dict[str, list[Row]] = {}
    for row in rows:
        if "not_measured" not in row:
            kinds.setdefault(row["images"], []).append(row)
    heights = [len(shown) + 1 for shown in kinds.values()]
    figure = Figure(figsize=(8, 0.45 * sum(heights)), layout="constrained")
    panels = figure.subplots(len(kinds), 1, squeeze=False, height_ratios=heights)[:, 0]
    for axes, (kind, shown) in zip(panels, kinds.items(), strict=True):
        names = [row["contender"] for row in shown]
        speeds = [row["files_per_second"] for row in shown]
        colours = ["tab:blue" if name == OURS else "tab:grey" for name in names]
        bars = axes.barh(names, speeds, color=colours)
        axes.bar_label(bars, map(_label, shown), padding=4)
        axes.set(title=kind, xlim=(0, 1.5 * max(speeds)))
        axes.invert_yaxis()
        axes.spines[["top", "right"]].set_visible(False)
    panels[-1].set_xlabel("files scored a second, from start to CSV (higher is better)")
    figure.savefig(path, dpi=120)


def _label(row: Row) -> str:
    ours = row["contender"] == OURS
    return speed_of(row) + ("" if ours else f"; imgscan {row['imgscan_ratio']:.3g}×")
