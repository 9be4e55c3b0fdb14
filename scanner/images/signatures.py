"""First bytes that only certain kinds of file have, for what no decoder here can read.

Such files may show or hold pictures that nobody looked at, so they must not pass for `not_image`.
Every mark is long enough, or checked well enough, that other files do not have it by chance.
"""

from __future__ import annotations

import re
import struct

# Images that decoders here read, unless they are damaged.
IMAGES = (
    (0, b"\xff\xd8\xff"),
    (0, b"\x89PNG\r\n\x1a\n"),
    (0, b"GIF87a"),
    (0, b"GIF89a"),
    (0, b"II*\0"),
    (0, b"MM\0*"),
    (0, b"II+\0"),
    (0, b"MM\0+"),
    (0, b"8BPS"),
    (0, b"DDS |\0\0\0"),
    (0, b"\xff\x4f\xff\x51"),
    (4, b"jP  \r\n\x87\n"),
    (8, b"WEBP"),
)
IMAGE_BRANDS = frozenset(
    b"heic heix heim heis hevc hevx hevm hevs mif1 mif2 msf1 miaf avif avis avio".split()
)
BMP_HEADERS = (12, 16, 40, 52, 56, 64, 108, 124)
ICON_DEPTHS = (0, 1, 4, 8, 15, 16, 24, 32)

UNREAD_IMAGES = (
    (0, b"\xff\x0a", "a JPEG XL image"),
    (0, b"\0\0\0\x0cJXL \r\n\x87\n", "a JPEG XL image"),
    (0, b"II\xbc", "a JPEG XR image"),
    (0, b"v/1\x01", "an OpenEXR image"),
    (0, b"#?RADIANCE", "a Radiance image"),
    (0, b"BPG\xfb", "a BPG image"),
    (0, b"FLIF", "a FLIF image"),
    (0, b"gimp xcf ", "a GIMP image"),
    (0, b"\x8aMNG\r\n\x1a\n", "an MNG animation"),
    (0, b"\x8bJNG\r\n\x1a\n", "a JNG image"),
    (0, b"AT&TFORM", "a DjVu document"),
    (0, b"FOVb", "a Sigma RAW file"),
    (0, b"Paint Shop Pro Image File\n\x1a", "a Paint Shop Pro image"),
    (128, b"DICM", "a DICOM image"),
    (0, b"#?RGBE", "a Radiance image"),
    (0, b"%!PS", "a PostScript document"),
    (0, b"SDPX", "a DPX image"),
    (0, b"XPDS", "a DPX image"),
    (0, b"\x80\x2a\x5f\xd7", "a Cineon image"),
    (0, b"\x06\x06\xed\xf5\xd8\x1d\x46\xe5", "an InDesign document"),
    (0, b"\xabKTX ", "a KTX texture"),
    (0, b"\x13\xab\xa1\x5c", "an ASTC texture"),
    (0, b"\0MRM", "a Minolta RAW file"),
    (0, b"\xd7\xcd\xc6\x9a\0\0", "a Windows metafile"),
    (40, b" EMF\0\0\1\0", "an enhanced metafile"),
    (522, b"\0\x11\x02\xff\x0c\0", "a PICT drawing"),
    (10, b"\0\x11\x02\xff\x0c\0", "a PICT drawing"),
)
# Its groups are atomic: many comments would else be taken apart in exponentially many ways.
SVG = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*+"
    rb"(?><\?.*?\?>\s*+|<!--.*?-->\s*+|<!DOCTYPE\s+svg[^>\[]*(?:\[[^\]]*\])?\s*>\s*+)*+"
    rb"<(?:svg:)?svg[\s>]",
    re.DOTALL,
)
SVG_WITHIN = 1 << 20
UTF_16 = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
# DICOM without its preamble: the length of group 8 or 2, or the first element of one, whose group
# and element precede a value representation of two letters or a short length.
BARE_DICOM = re.compile(
    rb"[\x02\x08]\0[\0\x01\x05\x08\x10]\0(?:UL\x04\0|CS[\x01-\x40]\0|\x04\0\0\0)"
)
# What shows a picture whose first bytes are damaged: a header that goes on as theirs do.
DAMAGED = re.compile(
    rb".{0,20}(?:JFIF\0[\x01\x02]|Exif\0\0(?:II\*\0|MM\0\*)|PNG\s{1,2}\x1a|\0\0\0\x0dIHDR\0)",
    re.DOTALL,
)
DAMAGED_WITHIN = 64


def is_image(data: bytes) -> bool:
    """Whether decoders here should read `data`, by a file's first 64 bytes at least."""
    if any(data.startswith(magic, offset) for offset, magic in IMAGES):
        return True
    return _has_image_brand(data) or _is_bmp(data) or _is_icon(data)


def is_damaged_image(data: bytes) -> bool:
    """Whether `data` goes on as a JPEG or PNG does, behind first bytes that are not theirs."""
    return DAMAGED.match(data[:DAMAGED_WITHIN]) is not None


def unread_image(data: bytes) -> str | None:
    """What kind of image, of those that no decoder here reads, `data` is."""
    start = data[:SVG_WITHIN]
    if encoding := UTF_16.get(start[:2]):
        start = start[2:].decode(encoding, "ignore").encode("utf-8", "replace")
    if SVG.match(start):
        return "an SVG drawing"
    if start.startswith(b"RIFF") and start[8:11].upper() == b"CDR":
        return "a CorelDRAW drawing"
    if BARE_DICOM.match(data):
        return "a DICOM image"
    return _named(data, UNREAD_IMAGES)


def _named(data: bytes, table: tuple[tuple[int, bytes, str], ...]) -> str | None:
    return next((name for offset, magic, name in table if data.startswith(magic, offset)), None)


def _has_image_brand(data: bytes) -> bool:
    """Whether an ISO media file says that it is an image, foremost or among other things."""
    if data[4:8] != b"ftyp":
        return False
    end = min(int.from_bytes(data[:4]), 256)
    brands = {data[8:12], *(data[at : at + 4] for at in range(16, end, 4))}
    return not brands.isdisjoint(IMAGE_BRANDS)


def _is_bmp(data: bytes) -> bool:
    return data.startswith(b"BM") and int.from_bytes(data[14:18], "little") in BMP_HEADERS


def _is_icon(data: bytes) -> bool:
    if data.startswith(b"icns"):
        return int.from_bytes(data[4:8]) > 8
    if len(data) < 22:
        return False
    zero, kind, count, reserved, planes, depth, size, offset = struct.unpack_from(
        "<3H3xB2H2I", data
    )
    if zero or kind not in (1, 2) or not count or reserved or not size:
        return False
    # In cursors the two stand for the hot spot.
    return offset >= 6 + 16 * count and (kind == 2 or (planes < 2 and depth in ICON_DEPTHS))
