"""The picture of the verdicts on degraded images."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

from benchmarks.robustness.degradations import DEGRADATIONS
from benchmarks.shared.results import Row

COLUMNS = 4  # of panels


def plot_strengths(rows: list[Row], path: Path) -> None:
    """A panel for each degradation: F1, false-positive rate and share inconclusive by strength."""
    names = [name for name in DEGRADATIONS if any(row["degradation"] == name for row in rows)]
    lines = -(-len(names) // COLUMNS)
    figure = Figure(figsize=(3 * COLUMNS, 2.7 * lines), layout="constrained")
    panels = figure.subplots(lines, COLUMNS, sharey=True)
    curves = (
        ("f1", "F1", "tab:blue"),
        ("false_positive_rate", "false-positive rate (95% interval)", "tab:red"),
        ("inconclusive", "share inconclusive", "tab:grey"),
    )
    for panel, name in zip(panels.flat, names, strict=False):
        of_it = [rows[0], *(row for row in rows if row["degradation"] == name)]
        ticks = ["none", *(f"{row['strength']:g}" for row in of_it[1:])]
        for key, label, colour in curves:
            panel.plot(ticks, [row[key] for row in of_it], "o-", ms=3, color=colour, label=label)
        low, high = (
            [row[f"false_positive_rate_{end}"] for row in of_it] for end in ("low", "high")
        )
        panel.fill_between(ticks, low, high, color="tab:red", alpha=0.2, linewidth=0)
        panel.set(title=name, xlabel=DEGRADATIONS[name].unit, ylim=(-0.03, 1.03))
        panel.grid(alpha=0.3)
    for panel in panels[:, 0]:
        panel.set_ylabel("F1, or share of images")
    handles, labels = panels.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(curves))
    figure.savefig(path, dpi=120)
