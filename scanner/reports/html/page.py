"""One HTML file of a report: nothing in it is loaded from elsewhere, and nothing in it runs but its
own script."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from scanner.record import columns
from scanner.reports.html.card import GROUPS, ORIGINS, Card

if TYPE_CHECKING:
    from jinja2 import Environment

HERE = Path(__file__).parent
CARDS = "<!-- cards -->\n"  # where they go in the template; values are escaped and cannot be it
ROWS = 100  # of one list: the browser lays out those that are in sight, and no others
NEXT_LIST = '</ol>\n<ol class="cards">\n'
START = "<!doctype html>\n<!-- a page of a report by imgscan -->\n"
ALONE: dict[str, Any] = {"part": None, "parts": (), "folder": ""}


class Page:
    """A page that cards are written to one at a time, so that memory stays flat.

    `values` are those of the template: `summary`, `blurred`, and `part` of a page that is one of
    several, or `parts` of one that leads to them.
    """

    def __init__(self, stream: TextIO, **values: Any) -> None:
        self.rows = 0
        self._stream = stream
        self._card = _environment().get_template("card.html")
        whole = _environment().get_template("page.html").render(ALONE | values)
        head, _, self._tail = whole.partition(CARDS)
        stream.write(START + head)

    def add(self, card: Card) -> None:
        if self.rows and self.rows % ROWS == 0:
            self._stream.write(NEXT_LIST)
        self.rows += 1
        # Pictures further down are shown by the script, once they are near.
        source = "src" if self.rows <= ROWS else "data-src"
        self._stream.write(self._card.render(card=card, number=self.rows, source=source))

    def end(self) -> None:
        self._stream.write(self._tail)


@cache
def _environment() -> Environment:
    # Not at the top: most scans write no such report.
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    style = (HERE / "report.css").read_text(encoding="utf-8")
    script = (HERE / "report.js").read_text(encoding="utf-8")
    environment.policies["json.dumps_kwargs"] = {"ensure_ascii": False}
    environment.globals |= {
        "groups": GROUPS,
        "origins": ORIGINS,
        "style": Markup(style),
        "script": Markup(script),
        "policy": (
            f"default-src 'none'; img-src data:; style-src {_allowed(style)}; "
            f"script-src {_allowed(script)}; base-uri 'none'; form-action 'none'"
        ),
        "columns": [(column.name, column.meaning.replace("`", "")) for column in columns()],
    }
    return environment


def _allowed(text: str) -> str:
    """What a policy calls the one style or script that it allows."""
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
