"""XMP: the IPTC digital source type, software, camera, and where a remote manifest lies."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree import ElementTree

from scanner.provenance.finding import Finding, Tag
from scanner.provenance.metadata import Metadata

RESOURCE = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}resource"
IPTC = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}"
TIFF = "{http://ns.adobe.com/tiff/1.0/}"
PROVENANCE = "{http://purl.org/dc/terms/}provenance"
PROPERTIES = {
    f"{IPTC}DigitalSourceType": ("iptc", "digital_source_type"),
    f"{IPTC}AISystemUsed": ("iptc", "ai_system"),
    f"{IPTC}AISystemVersionUsed": ("iptc", "ai_system_version"),
    f"{IPTC}AIPromptInformation": ("iptc", "ai_prompt"),
    "{http://ns.adobe.com/xap/1.0/}CreatorTool": ("xmp", "software"),
    f"{TIFF}Software": ("xmp", "software"),
    f"{TIFF}Make": ("xmp", "camera_make"),
    f"{TIFF}Model": ("xmp", "camera_model"),
    "{http://ns.adobe.com/photoshop/1.0/}Credit": ("xmp", "credit"),
    # Named only: the scan never fetches it.
    PROVENANCE: ("c2pa", "remote_manifest_not_fetched"),
}


def findings(data: bytes, metadata: Metadata) -> Iterator[Finding]:
    for packet in metadata.xmp:
        for name, value in _properties(packet):
            inside = name == PROVENANCE and not value.lower().startswith(("http:", "https:"))
            if value and not inside:
                source, told = PROPERTIES[name]
                yield Finding(source, Tag.DECLARED, told, value)


def _properties(packet: bytes) -> list[tuple[str, str]]:
    """Names and values of the known properties, each of which may be attribute or element."""
    text = packet.decode("utf-8", "replace")
    if "<!DOCTYPE" in text:  # XMP has none; its entities would expand without end
        raise ValueError("XMP with a document type")
    parser: ElementTree.XMLParser[list[tuple[str, str]]]
    parser = ElementTree.XMLParser(target=_Collector())
    parser.feed(text[text.find("<") : text.rfind(">") + 1])
    return parser.close()


class _Collector:
    """Collects properties in one pass, however deep a hostile packet nests them."""

    def __init__(self) -> None:
        self._found: list[tuple[str, str]] = []
        self._within = ""
        self._text: list[str] = []

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        known = attributes.keys() & PROPERTIES.keys()
        self._found.extend((name, attributes[name]) for name in sorted(known))
        if tag in PROPERTIES:
            self._within, self._text = tag, [attributes.get(RESOURCE, "")]

    def data(self, text: str) -> None:
        if self._within:
            self._text.append(text)

    def end(self, tag: str) -> None:
        if tag == self._within:
            self._found.append((tag, "".join(self._text).strip()))
            self._within = ""

    def close(self) -> list[tuple[str, str]]:
        return self._found
