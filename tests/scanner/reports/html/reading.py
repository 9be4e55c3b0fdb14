"""Reads the HTML reports that the tests write, with Python's own parser."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any


@dataclass
class Card:
    """A card of the gallery. texts: by class. details: what its page shows."""

    address: str
    group: str
    data: dict[str, str]
    picture: str | None = None
    texts: dict[str, str] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def fields(self) -> dict[str, str]:
        return dict(self.details["fields"])


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
            data = {name: value for name, value in named.items() if name.startswith("data-")}
            self.cards.append(Card(named["id"], named["class"], data))
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
        elif tag == "script":
            self.cards[-1].details = json.loads(self._raw)

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
