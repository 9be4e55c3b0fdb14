"""The page of a validation: one HTML file that loads nothing and runs nothing."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scanner.reports.html.page import STYLE, environment
from scanner.validation import words
from scanner.validation.charts import charts

if TYPE_CHECKING:
    from jinja2 import Environment

HERE = Path(__file__).parent
MOST_ERRORS = 300  # wrong verdicts that the page lists


def page(told: dict[str, Any], ended: str, figures: str, sha256: str) -> str:
    """The HTML.

    told: all that a validation says. ended: when the scan did, as its manifest says. figures,
    sha256: the name and hash of the JSON file that holds the same.
    """
    when = f"{ended[:10]} at {ended[11:16]} UTC"
    values = {"told": told, "ended": when, "figures": figures, "figures_sha256": sha256}
    return _environment().get_template("page.html").render(values)


@cache
def _environment() -> Environment:
    style = STYLE.read_text(encoding="utf-8") + (HERE / "page.css").read_text(encoding="utf-8")
    made = environment(HERE, style)
    made.filters |= {
        "percent": words.percent,
        "figure": words.figure,
        "share": words.share_in_words,
        "number": lambda number: f"{number:,}",
        "rate": lambda rate: f"{100 * rate:g}%",
    }
    made.globals |= {
        "charts": charts,
        "results": words.results,
        "odds": words.odds,
        "flips_in_words": words.flips_in_words,
        "most_errors": MOST_ERRORS,
    }
    return made
