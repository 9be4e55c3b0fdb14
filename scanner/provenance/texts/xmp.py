"""XMP: the texts of all properties, under short names where they mean something here."""

from __future__ import annotations

import re
from collections.abc import Iterator

from scanner.provenance.metadata import Metadata
from scanner.provenance.texts.text import OF_INGREDIENT, Text
from scanner.provenance.texts.xmp_packet import RDF, XML, Property, properties

IPTC = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}"
TIFF = "{http://ns.adobe.com/tiff/1.0/}"
XAP = "{http://ns.adobe.com/xap/1.0/}"
EXIF = "{http://ns.adobe.com/exif/1.0/}"
REMOTE = "remote_manifest_not_fetched"
NOT_SHOWN = ("software_agent", "fill_method")
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
    # Who did each step of a history, and how what was removed from a picture was filled.
    "{http://ns.adobe.com/xap/1.0/sType/ResourceEvent#}softwareAgent": ("xmp", "software_agent"),
    "{http://ns.adobe.com/camera-raw-settings/1.0/}fill_method": ("xmp", "fill_method"),
    # Named only: the scan never fetches it.
    "{http://purl.org/dc/terms/}provenance": ("c2pa", REMOTE),
}
# Where figures, dates, identifiers and settings stand: offered to who knows them, else not told.
TECHNICAL = (
    TIFF, XAP, EXIF, XML, RDF, "{adobe:ns:meta/}", "{http://purl.org/dc/terms/}",
    "{http://ns.adobe.com/xap/1.0/", "{http://ns.adobe.com/camera-raw-",
    "{http://ns.adobe.com/exif/1.0/aux/}", "{http://cipa.jp/exif/", "{http://ns.adobe.com/lightroom/",
    "{http://ns.adobe.com/crx/", "{http://ns.adobe.com/hdr-gain-map/", "{http://ns.adobe.com/pdf/",
    "{http://ns.adobe.com/DICOM/", "{http://ns.google.com/", "{http://ns.apple.com/",
    "{http://ns.adobe.com/xmp/", "{http://www.metadataworkinggroup.com/", "{http://www.gimp.org/",
    "{http://ns.microsoft.com/photo/",
)  # fmt: skip
FIGURES = ("ColorMode", "DocumentAncestors", "ICCProfile", "LegacyIPTCDigest", "format")
WORD = re.compile(r"[^\W\d_]{2}")  # what has none is a figure or a date
# Where damage hides a namespace, the names that mean something.
LOCAL = {name.rpartition("}")[2]: known for name, known in NAMES.items()}


def texts(metadata: Metadata) -> Iterator[Text]:
    """Of each packet in turn. What is told of a part of the image has a name that begins with
    OF_INGREDIENT.

    Raises ValueError for damage, behind what can be read.
    """
    damage = None
    for packet in metadata.xmp:
        try:
            for found in properties(packet):
                if text := _text(found):
                    yield text
        except ValueError as error:
            damage = error
    if damage:
        raise damage


def _text(found: Property) -> Text | None:
    """None for what is of no interest to anybody here."""
    name, value, of_ingredient = found
    local = name.rpartition("}")[2]
    known = NAMES.get(name) or (LOCAL.get(name) if name == local else None)
    source, field = known or ("xmp", local.lower())
    if of_ingredient:
        return Text(source, f"{OF_INGREDIENT}{field}", value)
    if known:
        inside = field == REMOTE and not value.lower().startswith(("http:", "https:"))
        return None if inside else Text(source, field, value, field not in NOT_SHOWN)
    if name.startswith(LABEL):
        return Text("xmp", field if local == "AIGC" else f"aigc_{field}", value)
    is_technical = name.startswith(TECHNICAL) or local in FIGURES or not WORD.search(value)
    if is_technical and " " not in value:
        return None
    return Text("xmp", field, value, not is_technical and name != local)
