"""Reads the HTML reports that the tests write, with Python's own parser."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from scanner.record import columns


@dataclass
class Card:
    """A card of the gallery. texts: by class. details: what its page shows."""

    address: str
    group: str
    picture: str | None = None
    texts: dict[str, str] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def fields(self) -> dict[str, str]:
        names = [column.name for column in columns()]
        values = zip(names, self.details["values"], strict=True)
        checks = {f"checks: {name}": value for name, value in self.details.get("checks", ())}
        return {name: value for name, value in values if value is not None} | checks


class Reader(HTMLParser):
    """cards: of the gallery. elements: all start tags with their attributes. text: all that is
    shown. styles, scripts: what stands in such elements, but for data."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.cards: list[Card] = []
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self.styles: list[str] = []
        self.scripts: list[str] = []
        self._open: list[tuple[str, dict[str, str]]] = []
        self._raw = ""

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        named = {name: value or "" for name, value in attributes}
        self.elements.append((tag, named))
        if tag == "li" and self._open[-1][1].get("class") == "cards":
            self.cards.append(Card(named["id"], named["class"]))
        if tag == "img" and self.cards and "src" in named:
            self.cards[-1].picture = named["src"]
        if tag not in ("meta", "link", "img", "input"):
            self._open.append((tag, named))
            self._raw = ""

    def handle_endtag(self, tag: str) -> None:
        opened, attributes = self._open.pop()
        assert opened == tag, f"<{opened}> is closed by </{tag}>"
        if tag == "style":
            self.styles.append(self._raw)
        elif tag == "script" and "type" not in attributes:
            self.scripts.append(self._raw)
        elif tag == "script" and attributes["type"] == "text/html":
            self._read_cards(self._raw)
        elif tag == "script":
            told = json.loads(self._raw)
            for card, details in zip(self.cards[-len(told) :], told, strict=True):
                card.details = details

    def _read_cards(self, html: str) -> None:
        """Those that the page shows once they are near, a line each."""
        within = Reader()
        within.feed(f'<ol class="cards">{html}</ol>')
        within.close()
        assert html.count("\n") == len(within.cards) + 1
        self.cards += within.cards
        self.elements += within.elements
        self.text += within.text

    def handle_data(self, text: str) -> None:
        self._raw += text
        tag, attributes = self._open[-1] if self._open else ("", {})
        if tag in ("style", "script"):
            return
        self.text += text
        kind = attributes.get("class")
        if self.cards and kind:
            self.cards[-1].texts[kind] = self.cards[-1].texts.get(kind, "") + text

    def close(self) -> None:
        super().close()
        assert not self._open, "every element is closed"


def read(report: Path) -> Reader:
    reader = Reader()
    reader.feed(report.read_text(encoding="utf-8"))
    reader.close()
    return reader
