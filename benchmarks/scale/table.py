"""Growth in a table for readers."""

from __future__ import annotations

import pandas as pd

NAMES = {
    "files": "{:,.0f} small files",
    "megapixels": "photographs of {:.1f} megapixels",
    "workers": "{:.0f} workers, photographs of 1 megapixel",
    "depth": "small files, {:.0f} archives deep",
}
GIVEN = {"folder": "first row of a folder of {:,.0f} files", "list": "first row of their list"}


def table(measured: pd.DataFrame) -> list[dict[str, str]]:
    """A line for each thing that was scanned: medians over the rounds."""
    lines = []
    scans = measured[measured["part"].isin(NAMES)]
    if not scans.empty:
        for (part, number), rows in scans.groupby(["part", "number"], sort=False):
            lines.append(_line(NAMES[str(part)].format(number), rows))
    if "given" in measured:
        for given, rows in measured.groupby("given", sort=False):
            lines.append(_line(GIVEN[str(given)].format(rows["files"].iloc[0]), rows))
    return lines


def _line(what: str, rows: pd.DataFrame) -> dict[str, str]:
    """Figures that a part has not are empty."""
    middle = rows.select_dtypes("number").median()

    def figure(name: str, of: float = 1) -> str:
        value = middle.get(name)
        if value is None or pd.isna(value):
            return ""
        return f"{value / of:,.0f}" if value / of >= 100 else f"{value / of:,.1f}"

    return {
        "": what,
        "seconds": figure("seconds"),
        "start, s": figure("start_seconds"),
        "files/s": figure("files_per_second"),
        "megapixels/s": figure("megapixels_per_second"),
        "peak memory, MB": figure("peak_bytes", of=1e6),
        "rounds": f"{len(rows)}",
    }
