"""Marks of files that hold others, or moving pictures, and that nothing here opens.

Every mark is long enough, or checked well enough, that other files do not have it by chance.
"""

from __future__ import annotations

import re
import struct
import zlib

from scanner.kinds.dense import SOUND_BRANDS

MARKS = (
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an OLE document (doc, xls, ppt, msg, Thumbs.db)"),
    (0, b"\x04\x22\x4d\x18", "an lz4 file"),
    (0, b"\x02\x21\x4c\x18", "an lz4 file"),
    (0, b"LZIP\x01", "an lzip file"),
    (0, b"\x89LZO\0\r\n\x1a\n", "an lzop file"),
    (0, b"\xff\x06\0\0sNaPpY", "a snappy file"),
    (0, b"LRZI\0", "an lrzip file"),
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
    (0, b"ALZ\x01", "an ALZip archive"),
    (0, b"EGGA\0\1", "an ALZip archive"),
    (0, b"ANDROID BACKUP\n", "an Android backup"),
    (0, b"CWS", "a compressed Flash film"),
    (0, b"ZWS", "a compressed Flash film"),
    (7, b"**ACE**", "an ACE archive"),
    (20, b"\xdc\xa7\xc4\xfd", "a zoo archive"),
)
PARTITIONED = ("a disk image (GPT)", "a disk image")
DISKS = (
    (0, b"EVF\x09\x0d\x0a\xff\0", "an EnCase disk image"),
    (0, b"EVF2\x0d\x0a\x81\0", "an EnCase disk image (Ex01)"),
    (0, b"LVF\x09\x0d\x0a\xff\0", "an EnCase logical image"),
    (0, b"LEF2\x0d\x0a\x81\0", "an EnCase logical image"),
    (0, b"ADSEGMENTEDFILE\0", "an AccessData disk image (ad1)"),
    (0, b"AFF10\r\n\0", "an AFF disk image"),
    (0, b"KDMV", "a VMware disk image"),
    (0, b"# Disk DescriptorFile", "the description of a VMware disk image"),
    (0, b"vhdxfile", "a Hyper-V disk image"),
    (0, b"conectix", "a virtual PC disk image"),
    (64, b"\x7f\x10\xda\xbe", "a VirtualBox disk image"),
    (0, b"QFI\xfb", "a QEMU disk image"),
    (0, b"PAGEDUMP", "a memory dump"),
    (0, b"PAGEDU64", "a memory dump"),
    (0, b"EMiL", "a memory dump"),
    (0, b"MDMP\x93\xa7", "a memory dump"),
    (0, b"hibr\0\0", "a hibernation file"),
    (0, b"HIBR\0\0", "a hibernation file"),
    (32769, b"CD001", "an ISO 9660 disk image"),
    (32769, b"BEA01", "a UDF disk image"),
    (512, b"EFI PART\0\0\1\0", PARTITIONED[0]),
    (3, b"NTFS    ", "an NTFS volume"),
    (3, b"EXFAT   ", "an exFAT volume"),
    (3, b"ReFS\0\0\0\0", "a ReFS volume"),
    (54, b"FAT12   ", "a FAT volume"),
    (54, b"FAT16   ", "a FAT volume"),
    (82, b"FAT32   ", "a FAT volume"),
    (1024, b"H+\0\4", "an HFS+ volume"),
    (1024, b"HX\0\5", "an HFS+ volume"),
    (32, b"NXSB", "an APFS volume"),
    (0, b"XFSB\0\0", "an XFS volume"),
    (65600, b"_BHRfS_M", "a Btrfs volume"),
    (0, b"sqsh", "a squashfs file system"),
    (0, b"\x45\x3d\xcd\x28", "a cramfs file system"),
)
FILMS = (
    (0, b"\x1a\x45\xdf\xa3", "a film (Matroska or WebM)"),
    (8, b"AVI LIST", "a film (AVI)"),
    (0, b"FLV\x01", "a film (Flash video)"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "a film or sound (Windows Media)"),
    (0, b"\0\0\1\xba", "a film (MPEG)"),
    (0, b"\0\0\1\xb3", "a film (MPEG)"),
    (0, b".RMF\0\0\0", "a film or sound (RealMedia)"),
    (28, b"\x80theora", "a film (Ogg Theora)"),
)
OLD_FILM = re.compile(rb"....(?:moov|mdat|wide|skip|pnot)", re.DOTALL)  # without a brand
CPIO = re.compile(rb"07070[12][0-9A-Fa-f]{104}|070707[0-7]{70}")
LZH = re.compile(rb"..-l[hz][0-9ds]-", re.DOTALL)
# A header of at least 30 bytes that names its own size, then the version that packed it.
ARJ = re.compile(rb"\x60\xea[\x1e-\xff][\x00-\x0a][\x1e-\x28][\x01-\x0b\x32-\x66]", re.DOTALL)
TRANSPORT_PACKET, TRANSPORT_SYNC = 188, 0x47
EXT_MAGIC_AT, EXT_MAGIC = 1080, b"\x53\xef"
BOOT_MARK_AT, BOOT_MARK, PARTITIONS_AT = 510, b"\x55\xaa", 446
ZLIB_HEADERS = (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")
# What may lie anywhere in a file and still be opened, if by its own program.
MOVABLE = {b"7z\xbc\xaf\x27\x1c": "a 7z archive", b"Rar!\x1a\x07": "a RAR archive"}
PROGRAMS = (b"MZ", b"\x7fELF")
APPLE_TRAILER, FIXED_DISK = b"koly\0\0\0\x04", b"conectix"


def name(head: bytes, tail: bytes) -> str | None:
    """What kind of these a file is, by its first 128 KiB and its last 512 bytes."""
    for offset, mark, kind in (*MARKS, *DISKS, *FILMS):
        if head.startswith(mark, offset):
            return kind
    return _archive(head) or _disk(head) or _film(head) or _by_trailer(tail)


def _by_trailer(tail: bytes) -> str | None:
    if tail.startswith(APPLE_TRAILER):
        return "an Apple disk image (dmg)"
    return "a virtual PC disk image" if tail.startswith(FIXED_DISK) else None


def _archive(head: bytes) -> str | None:
    if CPIO.match(head):
        return "a cpio archive"
    if LZH.match(head):
        return "an lzh archive"
    if ARJ.match(head):
        return "an ARJ archive"
    if _is_lzma(head):
        return "an lzma file"
    if _is_compress(head):
        return "a compress file (.Z)"
    if _is_zlib(head):
        return "a zlib stream"
    if head.startswith(PROGRAMS) and (inside := archive_inside(head)):
        return f"a program that holds {inside[0]}"
    return None


def _disk(head: bytes) -> str | None:
    if head.startswith(EXT_MAGIC, EXT_MAGIC_AT) and _is_ext(head):
        return "an ext file system"
    if head.startswith(BOOT_MARK, BOOT_MARK_AT):
        if _is_fat(head):
            return "a FAT volume"
        if _has_partitions(head):
            return PARTITIONED[1]
    return None


def may_be_disk(head: bytes) -> bool:
    """Whether a file that begins with `head`, 2 KiB of it, may be a raw disk or a volume."""
    return head.startswith(BOOT_MARK, BOOT_MARK_AT) or head.startswith(EXT_MAGIC, EXT_MAGIC_AT)


def _is_fat(head: bytes) -> bool:
    """By what a boot sector says of sizes: not every program writes the name of its kind."""
    sector, cluster, reserved, tables = struct.unpack_from("<HBHB", head, 11)
    return (
        (head[0] == 0xE9 or (head[0] == 0xEB and head[2] == 0x90))
        and sector in (512, 1024, 2048, 4096)
        and cluster in (1, 2, 4, 8, 16, 32, 64, 128)
        and reserved > 0
        and tables in (1, 2)
        and head[21] in (0xF0, *range(0xF8, 0x100))
    )


def _is_ext(head: bytes) -> bool:
    """Whether a superblock says a known state, what to do on errors, and a block of 1 to 64 KiB."""
    state, errors = struct.unpack_from("<HH", head, EXT_MAGIC_AT + 2)
    (block,) = struct.unpack_from("<I", head, 1048)
    return state < 8 and errors < 4 and block < 7


def _has_partitions(head: bytes) -> bool:
    """Whether the four entries of a partition table make sense, and one of them is in use."""
    used = 0
    for at in range(PARTITIONS_AT, BOOT_MARK_AT, 16):
        active, kind = head[at], head[at + 4]
        start, sectors = struct.unpack_from("<II", head, at + 8)
        if active not in (0, 0x80) or (kind and not sectors):
            return False
        used += bool(kind and start)
    return used > 0


def _film(head: bytes) -> str | None:
    if head[4:8] == b"ftyp":
        # Those of pictures are decoded.
        return None if head[8:12] in SOUND_BRANDS else "a film (MPEG-4 or QuickTime)"
    if OLD_FILM.match(head) and int.from_bytes(head[:4]) >= 8:
        return "a film (QuickTime)"
    packets = head[: 5 * TRANSPORT_PACKET : TRANSPORT_PACKET]
    if len(packets) == 5 and set(packets) == {TRANSPORT_SYNC} and not head.isascii():
        return "a film (MPEG transport stream)"
    return None


def archive_inside(data: bytes) -> tuple[str, int] | None:
    """The first 7z or RAR archive behind other content, and the offset where it begins."""
    found = [(data.find(magic, 1), kind) for magic, kind in MOVABLE.items()]
    offset, kind = min((place for place in found if place[0] > 0), default=(0, ""))
    return (kind, offset) if kind else None


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


def _is_zlib(data: bytes) -> bool:
    """Whether the two bytes of a header are followed by what expands."""
    if not data.startswith(ZLIB_HEADERS):
        return False
    try:
        return len(zlib.decompressobj().decompress(data, 1 << 16)) > 0
    except zlib.error:
        return False
