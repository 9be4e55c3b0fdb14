"""Files of many kinds in which a picture hides that nothing lists."""

from __future__ import annotations

import base64
import gzip
import io
import sqlite3
import struct
import tarfile
import zipfile
import zlib

from tests.scanner.carving.pictures import jpeg

SHOWN, HIDDEN = jpeg(1), jpeg(2)


def zipped(*members: tuple[str, bytes], comment: bytes = b"") -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, data in members:
            archive.writestr(name, data)
        archive.comment = comment
    return stream.getvalue()


def unlisted(names: int = 3, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip whose directory says nothing of its second member."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for number in range(names):
            archive.writestr(f"{number}.jpg", HIDDEN if number == 1 else jpeg(10 + number))
        del archive.filelist[1]
    return stream.getvalue()


def in_an_extra_field() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        info = zipfile.ZipInfo("a.jpg")
        info.extra = struct.pack("<HH", 0x7777, len(HIDDEN)) + HIDDEN
        archive.writestr(info, SHOWN)
    return stream.getvalue()


def behind_the_size() -> bytes:
    """A stored member of which the directory counts fewer bytes than lie there."""
    data = bytearray(zipped(("a.jpg", SHOWN + HIDDEN)))
    for place in (22, data.index(b"PK\1\2") + 24):
        struct.pack_into("<I", data, place, len(SHOWN))
    for place in (14, data.index(b"PK\1\2") + 16):
        struct.pack_into("<I", data, place, zlib.crc32(SHOWN))
    return bytes(data)


def a_folder_with_content() -> bytes:
    data = zipped(("a.jpg", SHOWN), ("folder/", b""))
    place = data.index(b"folder/") + 7
    end = bytearray(data[place:])
    directory = end.index(b"PK\5\6") + 16
    (start,) = struct.unpack_from("<I", end, directory)
    struct.pack_into("<I", end, directory, start + len(HIDDEN))
    return data[:place] + HIDDEN + bytes(end)


def tar_padding() -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive:
        info = tarfile.TarInfo("a.jpg")
        info.size = len(SHOWN)
        info.pax_headers = {"comment": base64.b64encode(HIDDEN).decode()}
        archive.addfile(info, io.BytesIO(SHOWN))
    return stream.getvalue()


def gzip_comment() -> bytes:
    data = gzip.compress(SHOWN)
    extra = struct.pack("<H", len(HIDDEN)) + HIDDEN
    return data[:3] + bytes([data[3] | 4]) + data[4:10] + extra + data[10:]


def pdf(*objects: bytes, behind: bytes = b"") -> bytes:
    """A document of a page and `objects`, numbered from 4, then whatever is put behind its end."""
    parts = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 99 99] >>",
        *objects,
    ]
    data, places = b"%PDF-1.5\n", []
    for number, part in enumerate(parts, 1):
        places.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, part)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    start = len(data)
    data += b"xref\n0 %d\n0000000000 65535 f \n%s" % (len(parts) + 1, table)
    data += b"trailer\n<< /Size %d /Root 1 0 R >>\n" % (len(parts) + 1)
    return data + b"startxref\n%d\n%%%%EOF\n" % start + behind


def image_object(data: bytes) -> bytes:
    facts = b"/Type /XObject /Subtype /Image /Width 32 /Height 32 /BitsPerComponent 8"
    colours = b"/ColorSpace /DeviceRGB /Filter /DCTDecode"
    return b"<< %s %s /Length %d >>\nstream\n%s\nendstream" % (facts, colours, len(data), data)


def plain_object(data: bytes, *more: bytes) -> bytes:
    return b"<< /Length %d %s >>\nstream\n%s\nendstream" % (len(data), b" ".join(more), data)


def replaced_revision(image: bytes | None = None) -> bytes:
    """A document whose fourth object, an image, was replaced when it was saved again."""
    old = pdf(image or image_object(HIDDEN))
    place = len(old)
    table = old.rindex(b"xref\n0")
    new = old + b"4 0 obj\n%s\nendobj\n" % image_object(SHOWN)
    start = len(new)
    new += b"xref\n4 1\n%010d 00000 n \n" % place
    new += b"trailer\n<< /Size 5 /Root 1 0 R /Prev %d >>\n" % table
    return new + b"startxref\n%d\n%%%%EOF\n" % start


def database() -> bytes:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE icon (data BLOB)")
    connection.execute("INSERT INTO icon VALUES (?)", (HIDDEN,))
    connection.commit()
    data = connection.serialize()
    connection.close()
    return data


def volume(head: bytes = b"\xeb\x3c\x90MSDOS5.0") -> bytes:
    """A FAT volume of which nothing but the boot sector and one cluster is written."""
    boot = (head.ljust(54, b"\0") + b"FAT16   ").ljust(510, b"\0") + b"\x55\xaa"
    return boot + bytes(16_384) + HIDDEN.ljust(2_048, b"\0") + bytes(16_384)


def ext_volume() -> bytes:
    superblock = bytes(56) + b"\x53\xef\1\0\1\0"
    return bytes(1_024) + superblock.ljust(1_024, b"\0") + bytes(8_192) + HIDDEN + bytes(9_000)


def deflated(data: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


def with_sizes(packed: bytes, announced: bytes) -> bytes:
    """A zip of one member in `packed` bytes that is said to be `announced`."""
    size, checksum = len(announced), zlib.crc32(announced)
    facts = struct.pack("<HHHIIIHH", 8, 0, 0, checksum, len(packed), size, 5, 0)
    local = b"PK\3\4" + struct.pack("<HH", 20, 0) + facts + b"a.jpg" + packed
    listed = b"PK\1\2" + struct.pack("<HHH", 20, 20, 0) + facts + bytes(14) + b"a.jpg"
    end = struct.pack("<4HIIH", 0, 0, 1, 1, len(listed), len(local), 0)
    return local + listed + b"PK\5\6" + end


def tarred(contents: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, data in contents.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return stream.getvalue()
