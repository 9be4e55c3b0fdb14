"""XMP: the texts of all properties, under short names where they mean something here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree import ElementTree

from scanner.provenance.encodings import decoded
from scanner.provenance.metadata import Metadata
from scanner.provenance.texts.text import OF_INGREDIENT, Text

RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
RESOURCE = f"{RDF}resource"
IPTC = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}"
TIFF = "{http://ns.adobe.com/tiff/1.0/}"
XAP = "{http://ns.adobe.com/xap/1.0/}"
EXIF = "{http://ns.adobe.com/exif/1.0/}"
PROVENANCE = "{http://purl.org/dc/terms/}provenance"
# Who did each step of a history, and how what was removed from a picture was filled.
AGENT = "{http://ns.adobe.com/xap/1.0/sType/ResourceEvent#}softwareAgent"
FILLED_BY = "{http://ns.adobe.com/camera-raw-settings/1.0/}fill_method"
LABEL = "{http://www.tc260.org.cn/ns/AIGC/1.0/}"
SOURCE_TYPE, AI_PROMPT = ("iptc", "digital_source_type"), ("iptc", "ai_prompt")
NAMES = {
    f"{IPTC}DigitalSourceType": SOURCE_TYPE,
    # As it was first named, and as Apple's programs spell that.
    f"{IPTC}DigitalSourcefileType": SOURCE_TYPE,
    f"{IPTC}DigitalSourceFileType": SOURCE_TYPE,
    f"{IPTC}AISystemUsed": ("iptc", "ai_system"),
    f"{IPTC}AISystemVersionUsed": ("iptc", "ai_system_version"),
    f"{IPTC}AIPromptInformation": AI_PROMPT,
    f"{IPTC}AIPrompt": AI_PROMPT,
    f"{IPTC}AIPromptWriterName": ("iptc", "ai_prompt_writer"),
    f"{IPTC}AIPromptWriter": ("iptc", "ai_prompt_writer"),
    f"{XAP}CreatorTool": ("xmp", "software"),
    f"{TIFF}Software": ("xmp", "software"),
    f"{TIFF}Make": ("xmp", "camera_make"),
    f"{TIFF}Model": ("xmp", "camera_model"),
    f"{EXIF}UserComment": ("xmp", "user_comment"),
    f"{TIFF}ImageDescription": ("xmp", "image_description"),
    f"{TIFF}Artist": ("xmp", "artist"),
    AGENT: ("xmp", "software_agent"),
    FILLED_BY: ("xmp", "fill_method"),
    # Named only: the scan never fetches it.
    PROVENANCE: ("c2pa", "remote_manifest_not_fetched"),
}
# Where figures, dates, identifiers and settings stand: offered to who knows them, else not told.
TECHNICAL = (
    TIFF, XAP, EXIF, "{http://www.w3.org/XML/", RDF, "{adobe:ns:meta/}", "{http://purl.org/dc/terms/}",
    "{http://ns.adobe.com/xap/1.0/", "{http://ns.adobe.com/camera-raw-",
    "{http://ns.adobe.com/exif/1.0/aux/}", "{http://cipa.jp/exif/", "{http://ns.adobe.com/lightroom/",
    "{http://ns.adobe.com/crx/", "{http://ns.adobe.com/hdr-gain-map/", "{http://ns.adobe.com/pdf/",
    "{http://ns.adobe.com/DICOM/", "{http://ns.google.com/", "{http://ns.apple.com/",
    "{http://ns.adobe.com/xmp/", "{http://www.metadataworkinggroup.com/", "{http://www.gimp.org/", "{http://ns.microsoft.com/photo/",
)  # fmt: skip
# What an image was put together from, each with metadata of its own.
MEDIA = "{http://ns.adobe.com/xap/1.0/mm/}"
INGREDIENTS = {f"{MEDIA}{name}" for name in ("Pantry", "Ingredients", "DerivedFrom")}
Property = tuple[str, str, bool]  # name, value, and whether it is of an ingredient
FIGURES = ("ColorMode", "DocumentAncestors", "ICCProfile", "LegacyIPTCDigest", "format")
WORD = re.compile(r"[^\W\d_]{2}")  # what has none is a figure or a date
END = re.compile(r"<\?xpacket {1,9}end[^<>]{0,99}>")
MOST_BYTES = 2**23  # of one packet; what breaks off there is told as damage


def texts(metadata: Metadata) -> Iterator[Text]:
    """Of each packet in turn; of its elements those with text, and all their attributes.

    What is told of a part of the image has a name that begins with OF_INGREDIENT.

    Raises ValueError and ParseError behind what came before the damage.
    """
    for packet in metadata.xmp:
        for name, value, of_ingredient in _properties(packet):
            if of_ingredient:
                source, field = NAMES.get(name) or ("xmp", name.rpartition("}")[2].lower())
                yield Text(source, f"{OF_INGREDIENT}{field}", value)
                continue
            inside = name == PROVENANCE and not value.lower().startswith(("http:", "https:"))
            if known := NAMES.get(name):
                if value and not inside:
                    yield Text(*known, value, name not in (AGENT, FILLED_BY))
                continue
            local = name.rpartition("}")[2]
            is_technical = name.startswith(TECHNICAL) or local in FIGURES or not WORD.search(value)
            if name.startswith(LABEL):
                yield Text(
                    "xmp", local.lower() if local == "AIGC" else f"aigc_{local}".lower(), value
                )
            elif value and (" " in value or not is_technical):
                yield Text("xmp", local.lower(), value, not is_technical)


def _properties(packet: bytes) -> Iterator[Property]:
    """The properties, each of which may be attribute or element."""
    text = decoded(packet[:MOST_BYTES])
    if "<!DOCTYPE" in text:  # XMP has none; its entities would expand without end
        raise ValueError("XMP with a document type")
    for part in END.split(text):  # some programs join packets without a word
        document = part[max(0, part.find("<")) : part.rfind(">") + 1 or len(part)]
        if document.startswith("<"):
            yield from _properties_of(document)


def _properties_of(document: str) -> Iterator[Property]:
    collector, damage = _Collector(), None
    parser: ElementTree.XMLParser[None] = ElementTree.XMLParser(target=collector)
    try:
        parser.feed(document)
        parser.close()
    except ElementTree.ParseError as error:
        damage = error
    yield from collector.found
    if damage:
        raise damage


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
            elif not name.startswith((RDF, "{http://www.w3.org/XML/")):
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
            self.found.append((name, value, self._parts > 0))

    def close(self) -> None:
        pass
