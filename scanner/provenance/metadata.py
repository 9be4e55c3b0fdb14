"""Where image files keep their metadata: JPEG segments, PNG and WebP chunks.

Read from the bytes alone: pixels that cannot be decoded do not hide what stands beside them, and
an image without metadata costs next to nothing.
"""

from __future__ import annotations

import contextlib
import io
import struct
import warnings
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

MAX_CHUNKS = 100_000  # of a PNG or WebP file; a hostile one may hold millions
MAX_TEXTS = 64
MAX_TEXT_BYTES = 2**20  # of one unpacked PNG text

C2PA_BOX = b"jumb"  # JPEG universal metadata box, which every C2PA manifest is
EXIF_HEADER = b"Exif\0\0"
XMP_HEADER = b"http://ns.adobe.com/xap/1.0/\0"
XMP_KEYWORD = "XML:com.adobe.xmp"
# GIF, TIFF and most camera raw, JPEG 2000, JPEG XL.
OTHER_STARTS = (b"GIF8", b"II*\0", b"MM\0*", b"\0\0\0\x0cjP  ", b"\0\0\0\x0cJXL ")
BRANDS = (b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1", b"avif", b"avis", b"crx ")

START_OF_SCAN, END_OF_IMAGE, QUANTISATION, APP1, APP11 = 0xDA, 0xD9, 0xDB, 0xE1, 0xEB


@dataclass(frozen=True)
class Metadata:
    """Raw metadata of one file, undecoded.

    exif: the TIFF structure, without the `Exif` header. xmp: XMP packets. texts: keyword and text
    of PNG text chunks. quantisation: contents of a JPEG's quantisation segments. c2pa: whether
    there is anything that may be an embedded C2PA manifest.
    """

    exif: bytes = b""
    xmp: tuple[bytes, ...] = ()
    texts: tuple[tuple[str, str], ...] = ()
    quantisation: tuple[bytes, ...] = ()
    c2pa: bool = False


def read(data: bytes) -> Metadata:
    """The metadata of an image file; empty for anything that is none. Damage ends the reading."""
    if data.startswith(b"\xff\xd8\xff"):
        return _jpeg(data)
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return _png(data)
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return _webp(data)
    if data.startswith(OTHER_STARTS) or (data[4:8] == b"ftyp" and data[8:12] in BRANDS):
        return _other(data)
    return Metadata()


def _jpeg(data: bytes) -> Metadata:
    exif, xmp, quantisation, c2pa = b"", [], [], False
    for marker, content in _segments(data):
        if marker == QUANTISATION:
            quantisation.append(content)
        elif marker == APP1 and content.startswith(EXIF_HEADER):
            exif = exif or content[len(EXIF_HEADER) :]
        elif marker == APP1 and content.startswith(XMP_HEADER):
            xmp.append(content[len(XMP_HEADER) :])
        elif marker == APP11 and C2PA_BOX in content:
            c2pa = True
    return Metadata(exif, tuple(xmp), (), tuple(quantisation), c2pa)


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Marker and content of the segments before the first scan."""
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
            continue
        if marker in (START_OF_SCAN, END_OF_IMAGE):
            return
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        yield marker, data[at + 4 : at + 2 + length]
        at += 2 + max(length, 2)


def _png(data: bytes) -> Metadata:
    exif, xmp, c2pa = b"", [], False
    texts: list[tuple[str, str]] = []
    for kind, content in _png_chunks(data):
        if kind == b"eXIf":
            exif = bytes(content).removeprefix(EXIF_HEADER)
        elif kind == b"caBX":
            c2pa = True
        elif kind in (b"tEXt", b"zTXt", b"iTXt") and len(texts) < MAX_TEXTS:
            keyword, text = _text(kind, bytes(content))
            if keyword == XMP_KEYWORD:
                xmp.append(text.encode())
            else:
                texts.append((keyword, text))
    return Metadata(exif, tuple(xmp), tuple(texts), (), c2pa)


def _text(kind: bytes, content: bytes) -> tuple[str, str]:
    """Keyword and text of a PNG text chunk."""
    keyword, _, text = content.partition(b"\0")
    packed, encoding = kind == b"zTXt", "latin-1"
    if packed:
        text = text[1:]  # the method, of which there is one
    elif kind == b"iTXt":
        packed, encoding = text[:1] == b"\1", "utf-8"
        text = text[2:].split(b"\0", 2)[-1]  # after a language and a translated keyword
    if packed:
        try:
            text = zlib.decompressobj().decompress(text, MAX_TEXT_BYTES)
        except zlib.error:
            text = b"(damaged)"
    return keyword.decode("latin-1"), text.decode(encoding, "replace")


def _webp(data: bytes) -> Metadata:
    exif, xmp, c2pa = b"", [], False
    for kind, content in _webp_chunks(data):
        if kind == b"EXIF":
            exif = bytes(content).removeprefix(EXIF_HEADER)
        elif kind == b"XMP ":
            xmp.append(bytes(content))
        elif kind == b"C2PA":
            c2pa = True
    return Metadata(exif, tuple(xmp), (), (), c2pa)


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    content, at = memoryview(data), 8
    for _ in range(MAX_CHUNKS):
        if at + 8 > len(data):
            return
        length, kind = struct.unpack_from(">I4s", data, at)
        yield kind, content[at + 8 : at + 8 + length]
        at += length + 12  # with the checksum that follows


def _webp_chunks(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    content, at = memoryview(data), 12
    for _ in range(MAX_CHUNKS):
        if at + 8 > len(data):
            return
        kind, length = struct.unpack_from("<4sI", data, at)
        yield kind, content[at + 8 : at + 8 + length]
        at += 8 + length + length % 2


def _other(data: bytes) -> Metadata:
    """Formats whose metadata Pillow finds; nothing is decoded."""
    c2pa = C2PA_BOX in data
    exif, xmp = b"", b""
    with contextlib.suppress(Exception):  # of which Pillow raises all kinds on broken files
        exif, xmp = _from_pillow(data)
    if data.startswith((b"II*\0", b"MM\0*")):
        exif = data  # a TIFF file is laid out as Exif is
    return Metadata(exif, (xmp,) if xmp else (), (), (), c2pa)


def _from_pillow(data: bytes) -> tuple[bytes, bytes]:
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(io.BytesIO(data)) as image:
            exif = image.info.get("exif", b"")
            xmp = image.info.get("xmp", b"")
    return exif.removeprefix(EXIF_HEADER), xmp
