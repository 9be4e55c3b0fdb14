"""The figures for readers."""

from __future__ import annotations

from urllib.parse import quote

from benchmarks.photographs.material import LEFT_OUT, OURS
from benchmarks.shared.results import Row
from scanner.record import Verdict
from trainer.photographs.thresholds import DOMAIN, TURNED, UNSURE
from trainer.photographs.tiers import AS_IT_IS

# Why an image has no verdict, in the order in which it is asked.
IN_WORDS = {
    "seen": "too long and narrow",
    "texture": "almost no texture",
    "detail": "too little detail",
    "blocks": "blocks",
    DOMAIN: "no photograph",
    TURNED: "fake at first sight alone",
    UNSURE: "too close to call",
}
SHOWN = 20  # mistakes of a kind
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


def by_reason(rows: list[Row], least: int = LISTED) -> list[dict[str, str]]:
    """What share of all images has no verdict for which reason: of materials, then of sources."""
    materials = [row for row in rows if row["source"] == "all" and row["by"] == OURS]
    sources = rows_by_source(rows, LEFT_OUT, OURS, AS_IT_IS)
    large = [row for row in sources if row["photographs"] + row["fakes"] >= least]
    return [
        {"images": f"{row['material']}, {row['tier']}", **_reasons(row)} for row in materials
    ] + [{"images": row["source"], **_reasons(row)} for row in large]


def _reasons(row: Row) -> dict[str, str]:
    return {
        "inconclusive": f"{row['inconclusive']:.0%}",
        **{words: f"{row[f'by_{reason}']:.1%}" for reason, words in IN_WORDS.items()},
    }


def of_kinds(rows: list[Row]) -> list[dict[str, str]]:
    """A line a kind of picture that is no photograph."""
    return [
        {
            "what": row["kind"],
            "pictures": f"{row['pictures']:,}",
            "sources": str(row["sources"]),
            "called fake": _share(row, Verdict.FAKE),
            "called real": _share(row, Verdict.REAL),
            **_reasons(row),
        }
        for row in rows
    ]


def of_calibration(rows: list[Row]) -> list[dict[str, str]]:
    """A line a material and tier."""
    return [
        {
            "images": f"{row['material']}, {row['tier']}",
            "with a probability": f"{row['images']:,}",
            "expected calibration error": f"{row['calibration_error']:.3f}",
            "by chance alone": f"{row['by_chance']:.3f}",
        }
        for row in rows
    ]


def of_mistakes(rows: list[Row], most: int = SHOWN) -> list[dict[str, str]]:
    """A line a picture, with where it can be looked at; of each kind of mistake, `most`."""
    shown = [row for verdict in Verdict for row in _of_verdict(rows, verdict)[:most]]
    return [
        {
            "picture": f"[{row['source']}]({_address(row)})",
            "made by": row["generator"],
            "called": row["called"],
            "p_fake": f"{row['p_fake']:.3f}",
        }
        for row in shown
    ]


def _of_verdict(rows: list[Row], verdict: Verdict) -> list[Row]:
    return [row for row in rows if row["called"] == verdict]


def _address(row: Row) -> str:
    return f"https://github.com/{row['source']}/blob/{row['commit']}/{quote(row['path'])}"


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
