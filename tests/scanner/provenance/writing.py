"""Writes texts into small images, at every place where programs put them."""

from __future__ import annotations

import gzip
import io
import struct
from typing import Any
from xml.sax.saxutils import quoteattr

import numpy as np
from PIL import Image, PngImagePlugin

NAMESPACES = {
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
    "photoshop": "http://ns.adobe.com/photoshop/1.0/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "xmpMM": "http://ns.adobe.com/xap/1.0/mm/",
    "stEvt": "http://ns.adobe.com/xap/1.0/sType/ResourceEvent#",
    "crs": "http://ns.adobe.com/camera-raw-settings/1.0/",
    "dc": "http://purl.org/dc/elements/1.1/",
    "dcterms": "http://purl.org/dc/terms/",
    "exif": "http://ns.adobe.com/exif/1.0/",
    "tiff": "http://ns.adobe.com/tiff/1.0/",
    "TC260": "http://www.tc260.org.cn/ns/AIGC/1.0/",
    "own": "http://example.org/own/",
}
ASCII, UNICODE, JIS = b"ASCII\0\0\0", b"UNICODE\0", b"JIS\0\0\0\0\0"
IMAGE, MAKE, MODEL, SOFTWARE, ARTIST = 0x010E, 0x010F, 0x0110, 0x0131, 0x013B
XP_COMMENT, COMMENT = 0x9C9C, 0x9286


def saved(kind: str, **options: Any) -> bytes:
    return encoded(Image.new("RGB", (32, 32), "teal"), kind, **options)


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def png(**texts: str) -> bytes:
    info = PngImagePlugin.PngInfo()
    for key, text in texts.items():
        info.add_itxt(key.replace("__", " "), text)
    return saved("PNG", pnginfo=info)


def exif(values: dict[int, str | bytes], kind: str = "JPEG") -> bytes:
    """An image of any kind with these tags, of the image itself but for the user comment."""
    written = Image.Exif()
    for tag, value in values.items():
        (written.get_ifd(0x8769) if tag == COMMENT else written)[tag] = value
    return saved(kind, exif=written.tobytes() if kind == "PNG" else written)


def packet(attributes: dict[str, str] | None = None, elements: str = "") -> bytes:
    spaces = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in NAMESPACES.items())
    written = " ".join(f"{name}={quoteattr(it)}" for name, it in (attributes or {}).items())
    return f"""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
        <x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF {spaces}>
        <rdf:Description rdf:about="" {written}>{elements}</rdf:Description>
        </rdf:RDF></x:xmpmeta><?xpacket end="w"?>""".encode()


def xmp(attributes: dict[str, str] | None = None, elements: str = "", kind: str = "WEBP") -> bytes:
    return saved(kind, xmp=packet(attributes, elements))


def segment(marker: int, content: bytes) -> bytes:
    return bytes((0xFF, marker)) + (len(content) + 2).to_bytes(2, "big") + content


def with_segments(*segments: bytes) -> bytes:
    """A JPEG with these behind its first two bytes."""
    image = saved("JPEG")
    return image[:2] + b"".join(segments) + image[2:]


def comment(text: bytes) -> bytes:
    return with_segments(segment(0xFE, text))


def iim(datasets: dict[int, bytes]) -> bytes:
    """IPTC-IIM records of the application record."""
    return b"".join(
        bytes((0x1C, 2, number)) + len(content).to_bytes(2, "big") + content
        for number, content in datasets.items()
    )


def resources(records: bytes) -> bytes:
    """Photoshop's image resources with IIM records among others."""
    return b"8BIM\x04\x25\x03abc\0\0\0\x03xyz\0" + _resource(0x0404, records)


def _resource(number: int, content: bytes) -> bytes:
    head = b"8BIM" + struct.pack(">HHI", number, 0, len(content))
    return head + content + bytes(len(content) % 2)


def document(exif: bytes, xmp: bytes, records: bytes) -> bytes:
    """The parts of a Photoshop document up to its resources, with metadata of each kind."""
    found = resources(records) + _resource(0x0422, exif) + _resource(0x0424, xmp)
    header = b"8BPS" + struct.pack(">H6xHIIHH", 1, 3, 1, 1, 8, 3)
    return header + struct.pack(">I", 0) + struct.pack(">I", len(found)) + found


def iptc(datasets: dict[int, bytes]) -> bytes:
    content = b"Photoshop 3.0\0" + resources(iim(datasets))
    return with_segments(segment(0xED, content))


def samsung(image: bytes, **blocks: bytes) -> bytes:
    """An image with the blocks and their directory behind it, as Samsung's programs leave them."""
    body, places = b"", []
    for name, content in blocks.items():
        block = struct.pack("<HHI", 0, 0x0BA1, len(name)) + name.encode() + content
        places.append((len(body), len(block)))
        body += block
    entries = b"".join(
        struct.pack("<HHII", 0, 0x0BA1, len(body) - place, size) for place, size in places
    )
    directory = b"SEFH" + struct.pack("<II", 107, len(places)) + entries
    return image + body + directory + struct.pack("<I", len(directory)) + b"SEFT"


def hidden(text: str, channels: int, packed: bool) -> Image.Image:
    """Noise of `channels` whose lowest bits hold the text as the front ends write it."""
    content = gzip.compress(text.encode()) if packed else text.encode()
    mark = f"stealth_{'png' if channels == 1 else 'rgb'}{'comp' if packed else 'info'}"
    whole = mark.encode() + (8 * len(content)).to_bytes(4) + content
    bits = np.unpackbits(np.frombuffer(whole, np.uint8))
    samples = np.random.default_rng(1).integers(0, 256, (97, 512, channels), dtype=np.uint8)
    flat = samples.transpose(1, 0, 2).reshape(-1)
    flat[: len(bits)] = (flat[: len(bits)] & 0xFE) | bits
    return Image.fromarray(flat.reshape(512, 97, channels).transpose(1, 0, 2).squeeze().copy())
