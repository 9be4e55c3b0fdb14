"""The stages of a scan in a table for readers."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pandas as pd

from benchmarks.shared.rounds import spread

# The least share of its lower ceiling that a scan is to reach, by kind of image.
TARGETS = {"32 px": 0.9, "1 megapixel": 0.85, "12 megapixels": 0.85}


def spreads(measured: pd.DataFrame, figure: str) -> dict[str, Any]:
    """The spread of a figure over the rounds, by kind of image and container."""
    groups = _scans(measured)
    return {
        f"{kind}, {place}": asdict(spread(list(rows[figure]))) for (kind, place), rows in groups
    }


def _scans(measured: pd.DataFrame) -> Any:
    scans = measured[measured["measured"] == "scan"]
    return scans.groupby(["images", "container"], sort=False)


def table(measured: pd.DataFrame) -> list[dict[str, str]]:
    """A line a kind of image and container: medians over the rounds, and shares with spread."""
    lines = []
    for (kind, container), rows in _scans(measured):
        figures = ["files_per_second", "start_seconds", "stage_ceiling", "cores_ceiling"]
        middle = rows[figures].median()
        lines.append(
            {
                "images": f"{rows['files'].iloc[0]:,.0f} of {kind}, {container}",
                "scan, files/s": _figure(middle["files_per_second"]),
                "start, s": f"{middle['start_seconds']:.1f}",
                "ceiling: tightest stage alone": f"{_figure(middle['stage_ceiling'])} "
                f"({rows['tightest_stage'].mode()[0]})",
                "ceiling: all stages sharing the cores": _figure(middle["cores_ceiling"]),
                "share of the lower ceiling": str(spread(list(rows["share_of_tightest_ceiling"]))),
                "target": f"{TARGETS[kind]:.2f}",
                "zip : folder": str(spread(list(rows["share_of_folder"])))
                if container == "zip"
                else "",
            }
        )
    return lines


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:,.1f}"
