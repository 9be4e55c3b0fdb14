"""The properties in an XMP packet, which may be damaged or made to take without end."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple
from xml.etree import ElementTree

from scanner.provenance.encodings import decoded

RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
XML = "{http://www.w3.org/XML/"
RESOURCE = f"{RDF}resource"
# What an image was put together from, each with metadata of its own.
MEDIA = "{http://ns.adobe.com/xap/1.0/mm/}"
INGREDIENTS = {f"{MEDIA}{name}" for name in ("Pantry", "Ingredients", "DerivedFrom")}
MOST_BYTES, MOST_PROPERTIES = 2**23, 20_000  # of one packet
SEARCHED = 2**20  # characters of a damaged one
END = re.compile(r"<\?xpacket {1,9}end[^<>]{0,99}>")
# A namespace is repeated in the name of each of its elements.
ENDLESS_NAMESPACE = re.compile(r"xmlns[^=<>\"']{0,99}=\s{0,9}[\"'][^\"'<>]{500}")
# Of what no parser takes: `prefix:name="value"`, and an element with nothing but text in it.
WRITTEN = re.compile(
    r"\b[\w-]{1,50}+:([\w-]{1,50}+)(?:\s{0,9}+=\s{0,9}+"
    r"(?:\"([^\"<]{1,2000}+)\"|'([^'<]{1,2000}+)')|>([^<]{1,2000}+)</)"
)


class Property(NamedTuple):
    """name: `{namespace}name`, or the name alone where damage hides the rest. of_ingredient:
    whether it is told of a part that the image was put together from.
    """

    name: str
    value: str
    of_ingredient: bool = False


def properties(packet: bytes) -> Iterator[Property]:
    """Each may be attribute or element, and all have text.

    Of a damaged packet what stands before the damage, what is found anywhere in it by its writing,
    and then raises ValueError.
    """
    text = decoded(packet[:MOST_BYTES])
    damage = None
    if "<!DOCTYPE" in text:  # XMP has none; its entities would expand without end
        damage = "it has a document type"
    elif ENDLESS_NAMESPACE.search(text):
        damage = "it has an endless namespace"
    else:
        for part in END.split(text):  # some programs join packets without a word
            document = part[max(0, part.find("<")) : part.rfind(">") + 1 or len(part)]
            if document.startswith("<"):
                found, trouble = _parsed(document)
                yield from found
                damage = damage or trouble
    if damage or len(packet) > MOST_BYTES:
        for written in WRITTEN.finditer(text[:SEARCHED]):
            yield Property(written[1], (written[2] or written[3] or written[4]).strip())
        raise ValueError(f"damaged, so that some may be missing: {damage or 'it is too long'}")


def _parsed(document: str) -> tuple[list[Property], str | None]:
    """The properties up to damage, and what that is."""
    collector = _Collector()
    parser: ElementTree.XMLParser[None] = ElementTree.XMLParser(target=collector)
    try:
        parser.feed(document)
        parser.close()
    except (ElementTree.ParseError, _TooManyError) as error:
        return collector.found, str(error)
    return collector.found, None


class _TooManyError(Exception):
    """More properties than are read."""


class _Collector:
    """Collects properties in one pass, however deep a hostile packet nests them.

    What stands in RDF's own elements, as lists and languages do, is of the property around them.
    """

    def __init__(self) -> None:
        self.found: list[Property] = []
        self._within: list[str] = []
        self._parts = 0  # of those that it is within, how many are of an ingredient
        self._text: list[str] = []

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._keep()
        self._within.append(self._within[-1] if tag.startswith(RDF) and self._within else tag)
        self._parts += tag in INGREDIENTS
        for name, value in attributes.items():
            if name == RESOURCE:
                self._add(self._within[-1], value)
            elif not name.startswith((RDF, XML)):
                self._add(name, value)

    def data(self, text: str) -> None:
        self._text.append(text)

    def end(self, tag: str) -> None:
        self._keep()
        self._within.pop()
        self._parts -= tag in INGREDIENTS

    def _keep(self) -> None:
        text = "".join(self._text)
        self._text.clear()
        if text and self._within:
            self._add(self._within[-1], text)

    def _add(self, name: str, text: str) -> None:
        if value := text.strip():
            self.found.append(Property(name, value, self._parts > 0))
        if len(self.found) > MOST_PROPERTIES:
            raise _TooManyError(f"it has more than {MOST_PROPERTIES:,} properties")

    def close(self) -> None:
        pass
