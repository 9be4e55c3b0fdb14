"""Metadata is found where each format keeps it, also when the pixels are gone."""

from __future__ import annotations

import io
import random
import struct
import zlib
from typing import Any

import pytest
from PIL import Image, PngImagePlugin, TiffImagePlugin, features

from scanner.provenance.metadata import read
from scanner.provenance.metadata.contents import MAX_TEXTS
from scanner.provenance.metadata.png import MAX_TEXT_BYTES
from tests.scanner.provenance import writing as write

XMP = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'></x:xmpmeta>"
FORMATS = ["JPEG", "PNG", "WEBP", "TIFF", *(["AVIF"] if features.check("avif") else [])]


def exif() -> Image.Exif:
    made = Image.Exif()
    made[0x010F] = "Acme"
    return made


@pytest.mark.parametrize("kind", FORMATS)
def test_exif_and_xmp_of_every_format(kind: str, encode: Any) -> None:
    written, options = exif(), {}
    if kind == "TIFF":
        written[700] = XMP
    elif kind != "PNG":
        options = {"xmp": XMP}
    found = read(encode(kind, exif=written, **options))
    again = Image.Exif()
    again.load(found.exif[0])
    assert again[0x010F] == "Acme"
    assert [packet.strip(b"\0") for packet in found.xmp] == ([] if kind == "PNG" else [XMP])


@pytest.mark.parametrize("compressed", [False, True])
def test_png_texts_of_every_kind(compressed: bool, encode: Any) -> None:
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Software", "Pinsel", zip=compressed)
    texts.add_itxt("Title", "Möwe 海", lang="de", tkey="Titel", zip=compressed)
    texts.add_itxt("XML:com.adobe.xmp", XMP.decode(), zip=compressed)
    found = read(encode("PNG", pnginfo=texts))
    assert found.texts == (("Software", "Pinsel"), ("Title", "Möwe 海"))
    assert found.xmp == (XMP,)


def test_a_png_cut_off_in_its_pixels_still_has_its_texts() -> None:
    texts = PngImagePlugin.PngInfo()
    texts.add_text("parameters", "a gull")
    stream = io.BytesIO()
    Image.effect_noise((200, 200), 90).save(stream, "PNG", pnginfo=texts)
    assert read(stream.getvalue()[:2000]).texts == (("parameters", "a gull"),)


def test_texts_after_the_pixels_count(encode: Any) -> None:
    content = b"Software\0late"
    chunk = struct.pack(">I4s", len(content), b"tEXt") + content + b"\0\0\0\0"
    assert read(encode("PNG") + chunk).texts == (("Software", "late"),)


def test_a_text_that_unpacks_without_end_is_cut(encode: Any) -> None:
    content = b"Comment\0\0" + zlib.compress(b"x" * (20 * MAX_TEXT_BYTES))
    chunk = struct.pack(">I4s", len(content), b"zTXt") + content + b"\0\0\0\0"
    ((_, text),) = read(encode("PNG") + chunk).texts
    assert len(text) == MAX_TEXT_BYTES


def test_a_thumbnail_is_not_taken_for_the_image(encode: Any) -> None:
    inner, outer = encode("JPEG", xmp=XMP, exif=exif()), encode("JPEG")
    data = outer[:2] + b"\xff\xeb" + (len(inner) + 2).to_bytes(2, "big") + inner + outer[2:]
    assert (read(data).xmp, read(data).exif) == ((), ())
    assert len(read(data).quantisation) == len(read(outer).quantisation)


@pytest.mark.parametrize("data", [b"", b"\xff\xd8\xff", b"%PDF-1.7 jumb c2pa", b"II*\0", b"GIF8"])
def test_nothing_is_found_in_what_is_no_image(data: bytes) -> None:
    found = read(data)
    assert (found.xmp, found.texts, found.quantisation, found.c2pa) == ((), (), (), False)


def test_iptc_wherever_formats_keep_it() -> None:
    """In Photoshop's resources of a JPEG, in a TIFF's own field, in ImageMagick's text of a PNG."""
    records = write.iim({110: b"a desk", 120: b"a gull"})
    profile = write.resources(records)
    text = f"\niptc\n{len(profile):8}\n{profile.hex()}\n"
    options = {"pnginfo": PngImagePlugin.PngInfo()}
    options["pnginfo"].add_text("Raw profile type iptc", text, zip=True)
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[33723] = records
    tags.tagtype[33723] = 7
    for data in (
        write.iptc({110: b"a desk", 120: b"a gull"}),
        write.saved("PNG", **options),
        write.saved("TIFF", tiffinfo=tags),
    ):
        assert read(data).iptc == records


def test_all_that_a_photoshop_document_keeps() -> None:
    found = read(write.document(exif().tobytes(), XMP, write.iim({120: b"a gull"})))
    assert found.exif == (exif().tobytes().removeprefix(b"Exif\0\0"),)
    assert (found.xmp, found.iptc) == ((XMP,), write.iim({120: b"a gull"}))


def test_exif_and_xmp_that_imagemagick_keeps_in_png() -> None:
    content = exif().tobytes()
    info = PngImagePlugin.PngInfo()
    info.add_text("Raw profile type exif", f"\nexif\n{len(content)}\n{content.hex()}")
    info.add_text("Raw profile type xmp", f"\nxmp\n{len(XMP)}\n{XMP.hex()}")
    info.add_text("Raw profile type app1", "\napp1\n3\nnot hex")
    found = read(write.saved("PNG", pnginfo=info))
    assert found.exif == (content.removeprefix(b"Exif\0\0"),)
    assert found.xmp == (XMP,)


def test_xmp_too_large_for_a_segment_is_put_together() -> None:
    head = b"http://ns.adobe.com/xmp/extension/\0" + b"0" * 32 + (2 * len(XMP)).to_bytes(4, "big")
    halves = [head + (at).to_bytes(4, "big") + XMP[at : at + 20] for at in range(0, len(XMP), 20)]
    segments = [write.segment(0xE1, half) for half in reversed(halves)]
    assert read(write.with_segments(*segments)).xmp == (XMP,)


def test_blocks_that_samsung_appends() -> None:
    blocks = {"Image_UTC_Data": b"1690000000000", "PEg_Info": b"{}"}
    for image in (write.saved("JPEG"), write.saved("PNG")):
        assert dict(read(write.samsung(image, **blocks)).samsung) == blocks
        assert dict(read(write.samsung(image, **blocks) + bytes(99)).samsung) == blocks


@pytest.mark.parametrize("seed", range(40))
def test_damaged_directories_end_the_reading(seed: int) -> None:
    luck = random.Random(seed)
    whole = write.samsung(write.iptc({120: b"a gull"}), PEg_Info=b"{}", Other=b"x" * 50)
    damaged = bytearray(whole)
    for _ in range(luck.choice((1, 4, 40))):
        damaged[luck.randrange(len(whole))] = luck.randrange(256)
    found = read(bytes(damaged[: luck.choice((len(whole), luck.randrange(len(whole))))]))
    assert sum(len(content) for _, content in found.samsung) <= len(whole)


def test_a_second_exif_is_read_and_bytes_that_belong_nowhere_are_passed_over() -> None:
    blocks = [b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0", exif().tobytes()]
    segments = [write.segment(0xE1, block) for block in blocks]
    found = read(write.with_segments(segments[0], b"\0stray", segments[1]))
    assert found.exif == tuple(block.removeprefix(b"Exif\0\0") for block in blocks)


@pytest.mark.parametrize("kind", ["8bim", "xmp"])
def test_profiles_count_among_the_texts(kind: str) -> None:
    info = PngImagePlugin.PngInfo()
    for _ in range(MAX_TEXTS + 100):
        info.add_text(f"Raw profile type {kind}", f"\n{kind}\n4\n3842494d")
    assert read(write.saved("PNG", pnginfo=info)).left_out
