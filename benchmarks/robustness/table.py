"""The verdicts on degraded images in a table for readers, and what is said under it."""

from __future__ import annotations

from benchmarks.robustness.degradations import DEGRADATIONS
from benchmarks.shared.results import Row

NOTE = (
    "F1 here counts an `inconclusive` image as not fake; elsewhere F1 counts every image as fake "
    "whose `p_fake` is 0.5 or more."
)


def lines_of(rows: list[Row]) -> list[dict[str, str]]:
    """A line for each degradation: figures from the mildest strength measured to the strongest."""
    names = dict.fromkeys(row["degradation"] for row in rows)
    return [_line(name, [row for row in rows if row["degradation"] == name]) for name in names]


def _line(name: str, rows: list[Row]) -> dict[str, str]:
    ends = rows[:1] if len(rows) == 1 else [rows[0], rows[-1]]

    def both(key: str, form: str) -> str:
        return " → ".join(format(row[key], form) for row in ends)

    low, high = (ends[-1][f"false_positive_rate_{end}"] for end in ("low", "high"))
    known = name in DEGRADATIONS
    return {
        "": name,
        "strength": f"{DEGRADATIONS[name].unit} {both('strength', 'g')}" if known else "",
        "F1": both("f1", ".3f"),
        "AUROC": both("auroc", ".3f"),
        "false-positive rate": f"{both('false_positive_rate', '.1%')} ({low:.1%} to {high:.1%})",
        "inconclusive": both("inconclusive", ".0%"),
    }
