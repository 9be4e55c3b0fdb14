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
STYLE = HERE / "report.css"
CARDS = "<!-- cards -->\n"  # where they go in the template; values are escaped and cannot be it
ROWS = 100  # that are there at once; a browser takes long to make ten thousand cards
SEEN = '<ol class="cards">\n{}</ol>\n'
UNSEEN = '<script type="text/html">\n{}</script>\n'  # which the script shows once they are near
DETAILS = '<script type="application/json">{}</script>\n'
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
        self._blurred = values["blurred"]
        self._block: list[Card] = []
        whole = _environment().get_template("page.html").render(ALONE | values)
        head, _, self._tail = whole.partition(CARDS)
        stream.write(START + head)

    def add(self, card: Card) -> None:
        self._block.append(card)
        self.rows += 1
        if len(self._block) == ROWS:
            self._end_block()

    def end(self) -> None:
        self._end_block()
        self._stream.write(self._tail)

    def _end_block(self) -> None:
        """Write the cards since the last call, and what their pages show, for the script."""
        block, self._block = self._block, []
        if block:
            first = self.rows - len(block)
            values = {"cards": block, "first": first + 1, "blurred": self._blurred}
            cards, details = (
                _environment().get_template(name).render(values)
                for name in ("cards.html", "details.html")
            )
            self._stream.write((UNSEEN if first else SEEN).format(cards))
            self._stream.write(DETAILS.format(details))


@cache
def _environment() -> Environment:
    script = (HERE / "report.js").read_text(encoding="utf-8")
    made = environment(HERE, STYLE.read_text(encoding="utf-8"), script)
    made.policies["json.dumps_kwargs"] = {"ensure_ascii": False}
    made.globals |= {
        "groups": GROUPS,
        "origins": ORIGINS,
        "columns": [(column.name, column.meaning.replace("`", "")) for column in columns()],
    }
    return made


def environment(templates: Path, style: str, script: str = "") -> Environment:
    """What renders the templates of a folder, with every value escaped.

    They are given `style` and `script`, and a `policy` by which a page loads nothing, and nothing
    but these two has effect in it.
    """
    # Not at the top: most scans write no such report.
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    made = Environment(
        loader=FileSystemLoader(templates),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.globals |= {
        "style": Markup(style),
        "script": Markup(script),
        "policy": (
            f"default-src 'none'; img-src data:; style-src {_allowed(style)}; "
            f"script-src {_allowed(script)}; base-uri 'none'; form-action 'none'"
        ),
    }
    return made


def _allowed(text: str) -> str:
    """What a policy calls the one style or script that it allows; where there is none, none."""
    if not text:
        return "'none'"
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
