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
)
# Its groups are atomic: many comments would else be taken apart in exponentially many ways.
SVG = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*+(?><\?xml[^>]*>\s*+)?"
    rb"(?><!--.*?-->\s*+|<!DOCTYPE\s+svg[^>\[]*(?:\[[^\]]*\])?\s*>\s*+)*+<(?:svg:)?svg[\s>]",
    re.DOTALL,
)
SVG_WITHIN = 8192

UNREAD_ARCHIVES = (
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an OLE document (doc, xls, ppt, msg, Thumbs.db)"),
    (0, b"\x04\x22\x4d\x18", "an lz4 file"),
    (0, b"\x02\x21\x4c\x18", "an lz4 file"),
    (0, b"LZIP\x01", "an lzip file"),
    (0, b"\x89LZO\0\r\n\x1a\n", "an lzop file"),
    (0, b"\xff\x06\0\0sNaPpY", "a snappy file"),
    (0, b"MSCF\0\0\0\0", "a cabinet archive"),
    (0, b"ISc(", "an InstallShield cabinet"),
    (0, b"!<arch>\ndebian", "a Debian package"),
    (0, b"!<arch>\n", "an ar archive"),
    (0, b"\xed\xab\xee\xdb", "an RPM package"),
    (0, b"xar!\0\x1c", "a xar archive"),
    (0, b"MSWIM\0\0\0", "a Windows image (wim)"),
    (0, b"hsqs", "a squashfs file system"),
    (0, b"ITSF\x03\0\0\0", "a compiled help file (chm)"),
    (0, b"!BDN", "an Outlook mailbox (pst)"),
    (0, b"\x78\x9f\x3e\x22", "a winmail.dat attachment (TNEF)"),
    (0, b"SIT!", "a StuffIt archive"),
    (0, b"StuffIt (c)", "a StuffIt archive"),
    (7, b"**ACE**", "an ACE archive"),
    (20, b"\xdc\xa7\xc4\xfd", "a zoo archive"),
    (0, b"EVF\x09\x0d\x0a\xff\0", "an EnCase disk image"),
    (0, b"EVF2\x0d\x0a\x81\0", "an EnCase disk image"),
    (0, b"KDMV", "a VMware disk image"),
    (0, b"vhdxfile", "a Hyper-V disk image"),
    (0, b"conectix", "a virtual PC disk image"),
    (0, b"QFI\xfb", "a QEMU disk image"),
    (32769, b"CD001", "an ISO 9660 disk image"),
    (32769, b"BEA01", "a UDF disk image"),
)
CPIO = re.compile(rb"07070[12][0-9A-Fa-f]{104}|070707[0-7]{70}")
LZH = re.compile(rb"..-l[hz][0-9ds]-", re.DOTALL)
# What may lie anywhere in a file and still be opened, if by its own program.
MOVABLE = {b"7z\xbc\xaf\x27\x1c": "a 7z archive", b"Rar!\x1a\x07": "a RAR archive"}
PROGRAMS = (b"MZ", b"\x7fELF")
APPLE_TRAILER, APPLE_TRAILER_BYTES = b"koly\0\0\0\x04", 512


def is_image(data: bytes) -> bool:
    """Whether decoders here should read `data`, by a file's first 64 bytes at least."""
    if any(data.startswith(magic, offset) for offset, magic in IMAGES):
        return True
    return _has_image_brand(data) or _is_bmp(data) or _is_icon(data)


def unread_image(data: bytes) -> str | None:
    """What kind of image, of those that no decoder here reads, `data` is."""
    if SVG.match(data[:SVG_WITHIN]):
        return "an SVG drawing"
    return _named(data, UNREAD_IMAGES)


def unread_archive(data: bytes) -> str | None:
    """What kind of container, of those that are not opened here, `data` is."""
    if CPIO.match(data):
        return "a cpio archive"
    if LZH.match(data):
        return "an lzh archive"
    if _is_lzma(data):
        return "an lzma file"
    if _is_compress(data):
        return "a compress file (.Z)"
    if data.startswith(PROGRAMS) and (inside := archive_inside(data)):
        return f"a program that holds {inside[0]}"
    if data.startswith(APPLE_TRAILER, max(0, len(data) - APPLE_TRAILER_BYTES)):
        return "an Apple disk image (dmg)"
    return _named(data, UNREAD_ARCHIVES)


def archive_inside(data: bytes) -> tuple[str, int] | None:
    """The first 7z or RAR archive behind other content, and the offset where it begins."""
    found = [(data.find(magic, 1), kind) for magic, kind in MOVABLE.items()]
    offset, kind = min((place for place in found if place[0] > 0), default=(0, ""))
    return (kind, offset) if kind else None


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


def _is_lzma(data: bytes) -> bool:
    """The header of 13 bytes has no magic number: properties, dictionary size, expanded size."""
    if len(data) < 14 or data[0] != 0x5D or data[13]:
        return False
    dictionary, expanded = struct.unpack_from("<IQ", data, 1)
    power = dictionary >= 4096 and dictionary & (dictionary - 1) == 0
    return power and (expanded == (1 << 64) - 1 or expanded < 1 << 40)


def _is_compress(data: bytes) -> bool:
    """The third byte has the code's length, 9 to 16 bits, two unused bits and a flag."""
    return data.startswith(b"\x1f\x9d") and len(data) > 3 and 9 <= data[2] & 0x7F <= 16
