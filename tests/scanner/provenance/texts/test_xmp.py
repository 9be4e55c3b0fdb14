"""XMP tells the IPTC source type however it is spelled, and cannot be used as an XML bomb."""

from __future__ import annotations

from typing import Any

import pytest

SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
SPELLINGS = {
    "attribute": (f'iptc:DigitalSourceType="{SOURCE_TYPE}"', ""),
    "element": ("", f"<iptc:DigitalSourceType>{SOURCE_TYPE}</iptc:DigitalSourceType>"),
    "resource": ("", f'<iptc:DigitalSourceType rdf:resource="{SOURCE_TYPE}"/>'),
}


def packet(attributes: str = "", elements: str = "", before: str = "") -> bytes:
    return f"""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>{before}
        <x:xmpmeta xmlns:x="adobe:ns:meta/">
        <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
        <rdf:Description rdf:about="" xmlns:iptc="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
            xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:tiff="http://ns.adobe.com/tiff/1.0/"
            xmlns:dcterms="http://purl.org/dc/terms/" {attributes}>{elements}</rdf:Description>
        </rdf:RDF></x:xmpmeta>   <?xpacket end="w"?>""".encode()


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_the_digital_source_type(spelling: str, encode: Any, gathered: Any) -> None:
    (entry,) = gathered(encode("WEBP", xmp=packet(*SPELLINGS[spelling])))
    assert entry == {
        "source": "iptc",
        "tag": "declared",
        "name": "digital_source_type",
        "value": SOURCE_TYPE,
        "claim": "ai",
    }


def test_software_and_camera(encode: Any, gathered: Any) -> None:
    attributes = 'xmp:CreatorTool="Pinsel 2" tiff:Make="Acme" tiff:Model="Acme One"'
    found = gathered(encode("WEBP", xmp=packet(attributes)))
    assert {(entry["name"], entry["value"]) for entry in found} == {
        ("software", "Pinsel 2"), ("camera_make", "Acme"), ("camera_model", "Acme One"),
    }  # fmt: skip


def test_an_embedded_manifest_is_no_remote_one(encode: Any, gathered: Any) -> None:
    inside = 'dcterms:provenance="self#jumbf=/c2pa/urn:c2pa:1"'
    assert gathered(encode("WEBP", xmp=packet(inside))) == []


@pytest.mark.parametrize(
    "hostile",
    [
        packet(before="<!DOCTYPE x [<!ENTITY a 'aaaa'>]>", elements="&a;"),
        packet(elements="<iptc:DigitalSourceType>"),
        b"<" * 50_000,
    ],
)
def test_hostile_xml_is_told_and_not_expanded(hostile: bytes, encode: Any, gathered: Any) -> None:
    (entry,) = gathered(encode("WEBP", xmp=hostile))
    assert (entry["source"], entry["name"], entry["tag"]) == ("xmp", "unread", "inferred")


def test_deeply_nested_xml_is_read_in_one_pass(encode: Any, gathered: Any) -> None:
    depth = 50_000
    nested = "<iptc:DigitalSourceType>" * depth + "deep" + "</iptc:DigitalSourceType>" * depth
    (entry,) = gathered(encode("WEBP", xmp=packet(elements=nested)))
    assert entry["value"] == "deep"


def test_what_stands_before_the_damage_counts(encode: Any, gathered: Any) -> None:
    torn = packet('xmp:CreatorTool="Pinsel 2"', "<iptc:DigitalSourceType>")
    found = gathered(encode("WEBP", xmp=torn))
    assert {(entry["source"], entry["name"]) for entry in found} == {
        ("xmp", "software"), ("xmp", "unread"),
    }  # fmt: skip


def test_packets_that_were_joined_are_read_both(encode: Any, gathered: Any) -> None:
    joined = packet('xmp:CreatorTool="Pinsel 2"') + b"0123ABCD\0\0" + packet('tiff:Make="Acme"')
    found = gathered(encode("WEBP", xmp=joined))
    assert {entry["value"] for entry in found} == {"Pinsel 2", "Acme"}


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_wide_encodings(encoding: str, encode: Any, gathered: Any) -> None:
    written = packet('xmp:CreatorTool="Möwe 2"').decode().replace("\ufeff", "").encode(encoding)
    (entry,) = gathered(encode("WEBP", xmp=written))
    assert entry["value"] == "Möwe 2"


def test_ends_that_do_not_end_take_no_time(encode: Any, gathered: Any) -> None:
    """Quadratic, this would take minutes."""
    (entry,) = gathered(encode("WEBP", xmp=b"<?xpacket end " * 200_000))
    assert entry["name"] == "unread"


@pytest.mark.parametrize(
    "hostile",
    [
        packet(elements="".join(f"<n:e{n} xmlns:n='http://{'x' * 99_999}/'/>" for n in range(9))),
        packet(elements="<iptc:a>word</iptc:a>" * 21_000),
        packet() + b"<x>" + b" " * 2**23,
        b"<x>" + b"a:b>" * 2**18,
        b"<x>" + b"a" * 2**20,
    ],
)
def test_what_would_take_without_end_is_told(hostile: bytes, encode: Any, gathered: Any) -> None:
    assert "unread" in {entry["name"] for entry in gathered(encode("WEBP", xmp=hostile))}


@pytest.mark.parametrize(
    "damaged",
    [
        packet('dc:title="a & b" xmp:CreatorTool="Pinsel 2"'),
        packet('dc:title="no namespace" xmp:CreatorTool="Pinsel 2"'),
        packet('xmp:CreatorTool="Pinsel 2"', before="<!DOCTYPE x>"),
        packet(elements="<a></b><xmp:CreatorTool>Pinsel 2</xmp:CreatorTool>"),
    ],
)
def test_what_stands_behind_damage_is_found_by_its_writing(
    damaged: bytes, encode: Any, gathered: Any
) -> None:
    found = {(entry["name"], entry["value"]) for entry in gathered(encode("WEBP", xmp=damaged))}
    assert ("software", "Pinsel 2") in found
    assert "unread" in {name for name, _ in found}


def test_figures_and_settings_are_not_told(encode: Any, gathered: Any) -> None:
    settings = 'xmp:CreateDate="2025-01-01T10:00:00" tiff:Orientation="1" xmp:Rating="5"'
    assert gathered(encode("WEBP", xmp=packet(settings))) == []
