"""The figures for readers."""

from __future__ import annotations

from benchmarks.shared.results import Row

LISTED = 60  # images of a source that is listed for readers; of fewer, intervals say little


def table(rows: list[Row]) -> list[dict[str, str]]:
    """A line for all images of a material in a tier by a detector."""
    return [_line(row) for row in rows if row["source"] == "all"]


def rows_by_source(rows: list[Row], material: str, by: str, tier: str) -> list[Row]:
    """Those of each source of one material, as one detector judges it."""
    place = (material, by, tier)
    of_it = [row for row in rows if (row["material"], row["by"], row["tier"]) == place]
    return [row for row in of_it if row["source"] != "all"]


def by_source(rows: list[Row], least: int = LISTED) -> list[dict[str, str]]:
    """A line a source of `least` images or more."""
    large = [row for row in rows if row["photographs"] + row["fakes"] >= least]
    return [{"source": row["source"], **_figures(row)} for row in large]


def _line(row: Row) -> dict[str, str]:
    place = {name: str(row[name]) for name in ("material", "by", "tier")}
    return {**place, **_figures(row), "verdicts turned": f"{row['turned']:,}"}


def _figures(row: Row) -> dict[str, str]:
    return {
        "photographs": f"{row['photographs']:,}",
        "fakes": f"{row['fakes']:,}",
        "AUROC": f"{row['auroc']:.3f}" if "auroc" in row else "",
        "photographs called fake": _share(row, "accused"),
        "photographs called real": _share(row, "cleared"),
        "fakes called fake": _share(row, "found"),
        "fakes called real": _share(row, "missed"),
        "inconclusive": f"{row['inconclusive']:.0%}",
    }


def _share(row: Row, name: str) -> str:
    if name not in row:
        return ""
    return f"{row[name]:.1%} ({row[f'{name}_low']:.1%} to {row[f'{name}_high']:.1%})"
