"""Protects: what is encrypted, or holds pictures out of reach, never passes for what has none."""

from __future__ import annotations

import base64
import gzip
import lzma
import os
import random
import struct
import sys
import zlib
from pathlib import Path

import pytest

from scanner.kinds import encrypted, kind_of, libmagic, unopened
from scanner.limits import Limits
from scanner.record import Status
from scanner.workers.examine import examine
from tests.conftest import EVERY_SIZE, image_bytes

# By bsdtar, lz4 and ar: one member, of which nothing but the bytes before it matters.
REAL = {
    "a cpio archive": (
        "H4sIAAAAAAACA+3NwQpAUBSE4fMq9w3m4mJrYaGs5AUoslC2Hp/CRpK1/m8zc+rUKFMmL0VxInXa5b5L9MynvVKv"
        "kJ93OGIc9C66ymrTMM+Lmenc/eTr311/lbYpqrpsnHMGAAAAAAAAAAAAAAAAAMAPbPswyZ0AKAAA"
    ),
    "a compress file (.Z)": (
        "H4sIAAAAAAACA+3BvUpCYQCA4c8GcTP4lqMYGRKIU1ODo2L4Q3AmpwQ9U1BBOUljOoipNAZ1wENQYaWGqIMtUUT4"
        "A6JChBwXN2nrBrqEbuB9nnX9IiNsrnCj8pq1Sd/eZ2MjoKwejSqWFfF+vuXTcvcnng+nW5teWjzWkrIZOfM6gtai"
        "U8T915Hm7fBKLAeG3CmHlPT8xcjK1MgI2U9/8s/a+E69ieoFuevYPpyrZq/18FVPvhXWYu3H7+b+pJrot59mneNF"
        "T491amY387s0D6QAAAAAAAAAAAAAAAAAAAD/+gP8IQmYACgAAA=="
    ),
    "an ISO 9660 disk image": (
        "H4sIAAAAAAACA+3YTUsCQRgA4LGT2DHKbm2dI3Zn1UO30iLBDKKia5mUFQhSHvtL/cRKTaKirn34PMwHO5/ssjC8"
        "EwIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAUKg30jQrhFazfXyafK3eODzY/6Z/ut7ju+qbfV/SKIdi"
        "MZQmTaWFt+7FUbEWypOnciiOqmJ4mF9eWqmGuen8hB/Vam5vHdb3mic7Sb5R24j//HVjGmtZFisx5lk1T9PwqSH9"
        "4PMIP+2sc+jwazy9nv8AwOxotncPkqP7btLuD5NYSWLczLPNaj6OdUq3vfOzQeeqN+y+xner1/3bXvdufXXQ79wM"
        "eheXXZ8QAP6cwviOXfwPALPkGbg1AjMAoAAA"
    ),
    "a xar archive": (
        "H4sIAAAAAAACA6tILFJkkGFgZAADxjkQmjkexKmYUxt8suiwAs/e79o2+3brxHlZHdn7lfuSdz5Ly+ErZnKzU+bU"
        "1TLePltiq2hrO69F5cflO1tPsh47eaNu/qTqOWoXvFf73H9zefrh4mOXlv/qO5+05r3QuzVf3A895Tj0U3qmsewV"
        "kctayiqLjzZeOj7HZpqle7zmx0ucT26XvJt0Mjb6xvLLnhNMXITyts47cHXG4qtdL1LuNVu4X+QQyrjcMc9MV8Xt"
        "56bwmXE/QozdP/Z07OYLYJdzv9iz4OXaT4csDy7RsYi6IxFYYChUFR2uuszuy8vjGeIVO7RqFvzeU2SmdUW27+j8"
        "hDXu2XOPN0keTFM0lV4p+bYyIrJbNvGnu/XL1fU/r7nHH7ff8s5N+P+FI73LWoQvelVw1z72M/34OPosa3y70/5z"
        "6bIBlbP727c9vdmm07bQ1CiPadbmZ3d5NKNWJk1RL2ac+nefxG4mAwO2UL/SuDAf2ynWy2banWI/a3B6Y4pPWMTP"
        "4zXit7Jm3tVY8tu4WWDXBNFAr1NCMxZ4yTgyXvu5MSFk1VyGjdqfDqX/WLnlC1/u2ccaOpE/lDT+CfY96v/JMNvi"
        "//Tqu+lsErKPP/EalK8VNH7jsWoX56eKOac9zp48yc7ApsMkii3yGEbBKBgFo2AUjIJRMApGwSgYBaNgFIyCUTAK"
        "RsEoGAWjYBSMglEwCkbBKBgFo2AUjIJRMApGwSgYBaNgFAwXAABEedr1ACgAAA=="
    ),
    "an lz4 file": ("H4sIAAAAAAACA2NR8pVIcVjOysDQkJGak5PPAAQ/yxl+AwB3cmhMGAAAAA=="),
    "an lzip file": (
        "H4sIAAAAAAACA+3BLw8BYQDA4dcmuJlrdmgX5QvOdsEFM3Z2V8xNEAR/2m2SgEnGdxAVG8FmoqDdBEW4oImaieds"
        "PoP4ex6rVXViijCE5mT6qVxn7U2CeL12EOHtORN3dZUuSK+ksbWytmZ/uro58OVS06yMJGPnhkddaWz80/Rqya7f"
        "Lg795b43vpwXUfSeP7x8UFZFQvx4AgAAAAAAAAAAAAAAAAAA/MsXVgGHcwAoAAA="
    ),
    "an ar archive": (
        "H4sIAAAAAAACA+3KMQqDQBRF0dSzip8dzAR/RJCsJSEELISAlcsXEhDcgNU5xS0e7zq+lvf0KGsctX7IzCHbLaL+"
        "ln9brfeui8j9+SzTZ56/5QIAAAAAAAAAAACcZAN+PocpACgAAA=="
    ),
}


def row(data: bytes) -> tuple[Status, str]:
    examined = examine(data, EVERY_SIZE, Limits())
    assert examined.error is not None
    return examined.status, examined.error


@pytest.mark.parametrize("name", REAL)
def test_real_archives_of_unread_kinds(name: str) -> None:
    data = gzip.decompress(base64.b64decode(REAL[name]))
    assert row(data) == (Status.UNSUPPORTED, f"{name}, which imgscan does not open")


def test_lzma_of_every_preset() -> None:
    for preset in range(10):
        data = lzma.compress(image_bytes(), lzma.FORMAT_ALONE, preset=preset)
        assert row(data) == (Status.UNSUPPORTED, "an lzma file, which imgscan does not open")


@pytest.mark.parametrize(
    ("offset", "mark", "name"), unopened.MARKS + unopened.DISKS + unopened.FILMS
)
def test_every_mark(offset: int, mark: bytes, name: str) -> None:
    data = b"\x01" * offset + mark + b"\x01" * 99
    assert row(data) == (Status.UNSUPPORTED, f"{name}, which imgscan does not open")


@pytest.mark.parametrize("program", unopened.PROGRAMS)
@pytest.mark.parametrize("magic", unopened.MOVABLE)
def test_a_program_with_an_archive(program: bytes, magic: bytes) -> None:
    assert row(program + bytes(9000) + magic)[0] is Status.UNSUPPORTED
    assert row(program + bytes(9000))[0] is Status.NOT_IMAGE


@pytest.mark.parametrize(("offset", "mark", "name"), encrypted.MARKS)
def test_every_mark_of_what_is_encrypted(offset: int, mark: bytes, name: str) -> None:
    data = b"\x01" * offset + mark + b"\x01" * 99
    if name == "an encrypted 7z archive":  # which a reader opens, or says so
        assert kind_of(data, data, len(data))[:2] == (Status.ENCRYPTED, name)
        return
    assert row(data) == (Status.ENCRYPTED, f"{name}; it is encrypted")


NOISE = random.Random(0).randbytes(3_000)
ENCRYPTED = {
    "OpenPGP, old packets": b"\x85\x01\x0c\x03"
    + NOISE[:8]
    + b"\x01"
    + NOISE[:259]
    + b"\xd2"
    + NOISE,
    "OpenPGP, new packets": b"\xc1\x5e\x03" + NOISE[:8] + b"\x12" + NOISE[:84] + b"\xd2" + NOISE,
    "OpenPGP by a password": b"\x8c\x0d\x04\x09\x03\x02" + NOISE[:9] + b"\xd2\x40" + NOISE,
    "OpenPGP in armour": b"Hello\n-----BEGIN PGP MESSAGE-----\n\nhQEMA\n",
    "S/MIME": b"\x30\x82\x0b\xb8\x06\x09" + bytes.fromhex("2a864886f70d010703") + NOISE,
    "S/MIME of no length": b"\x30\x80\x06\x09" + bytes.fromhex("2a864886f70d010703") + NOISE,
    "Office": encrypted.OLE + bytes(600) + encrypted.OFFICE_PACKAGE + NOISE,
    "Android": b"ANDROID BACKUP\n5\n1\nAES-256\n" + NOISE,
    "BitLocker": b"\xeb\x58\x90-FVE-FS-" + bytes(499) + b"\x55\xaa" + NOISE,
}


@pytest.mark.parametrize("name", ENCRYPTED)
def test_what_is_encrypted(name: str) -> None:
    assert row(ENCRYPTED[name])[0] is Status.ENCRYPTED


def partitioned(kind: int = 0x83, active: int = 0x80) -> bytes:
    entry = struct.pack("<B3xB3xII", active, kind, 2_048, 100_000)
    return bytes(446) + entry + bytes(48) + b"\x55\xaa" + bytes(9_000)


def ext() -> bytes:
    superblock = struct.pack("<6I", 128, 1024, 51, 900, 117, 1) + struct.pack("<I", 0) + bytes(28)
    return bytes(1024) + superblock + b"\x53\xef" + struct.pack("<HH", 1, 1) + bytes(9_000)


OTHERS = {
    "an ARJ archive": b"\x60\xea\x27\0\x1e\x0b\x01" + bytes(99),
    "a zlib stream": zlib.compress(b"a text of some length " * 9),
    "an ext file system": ext(),
    "a disk image": partitioned(),
    "a virtual PC disk image": bytes(9_000) + b"conectix".ljust(512, b"\0"),
    "an Apple disk image (dmg)": bytes(9_000) + b"koly\0\0\0\4".ljust(512, b"\0"),
    "a film (MPEG-4 or QuickTime)": b"\0\0\0\x20ftypisom" + bytes(100),
    "a film (QuickTime)": b"\0\0\0\x20moov" + bytes(100),
    "a film (MPEG transport stream)": (b"\x47\x40\x11\x10" + b"\xff" * 184) * 9,
}


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_known_by_more_than_a_mark(name: str) -> None:
    assert row(OTHERS[name]) == (Status.UNSUPPORTED, f"{name}, which imgscan does not open")


@pytest.mark.skipif(sys.platform == "win32", reason="libmagic is not installed there")
def test_libmagic_names_what_no_mark_here_does() -> None:
    known = {
        b"MThd\0\0\0\6\0\1\0\1\0\x60": None,
        b"\x89HDF\r\n\x1a\n": None,
        b"WARC/1.0\r\n": Status.UNSUPPORTED,
        b"Microsoft C/C++ MSF 7.00\r\n\x1aDS\0\0\0": None,
    }
    for head, status in known.items():
        kind = kind_of(head + bytes(64), b"", len(head) + 64)
        assert (kind.status, bool(kind.name)) == (status, True)


@pytest.mark.parametrize(
    "text",
    ["Android Backup, version 5, Compressed, Not-Encrypted", "LLVM byte-codes, uncompressed"],
)
def test_words_that_say_the_opposite(text: str) -> None:
    assert not libmagic.ENCRYPTED.search(text)
    assert "uncompressed" not in text or not libmagic.UNOPENED.search(text)


@pytest.mark.parametrize(
    "data",
    [
        b"\x1f\x9dA text",
        b"]\0\0 is no archive",
        b"!<arc",
        b"070701 a number",
        b"x\x9c is no stream",
        b"\x85 is no packet of OpenPGP, and says so at length",
        b"CWE-20 is no film, nor is it Flash",
        b"0\x80 is no message",
        b"G" * 999,
        bytes(200_000),
        "Grüße aus Köln\n".encode() * 99,
        Path(base64.__file__).read_bytes(),
        Path(os.__file__).read_bytes(),
    ],
)
def test_what_is_none_of_these(data: bytes) -> None:
    status, reason = row(data)
    assert status is Status.NOT_IMAGE
    assert reason.endswith("; no picture begins anywhere in it")


def test_bytes_that_look_encrypted_are_not_called_clean() -> None:
    noise = random.Random(1).randbytes(1 << 16)
    for data in (noise, noise[:300], b"a head that says little " * 400 + noise * 4):
        status, reason = row(data)
        assert status is Status.UNSUPPORTED
        assert "look compressed or encrypted" in reason


def id3(size: int) -> bytes:
    return b"ID3\3\0\0" + bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0)) + bytes(size)


def frames(count: int) -> bytes:
    """Of MPEG layer III at 128 kbit/s and 44.1 kHz, 417 bytes each, full of noise."""
    chance = random.Random(3)
    return b"".join(b"\xff\xfb\x90\x64" + chance.randbytes(413) for _ in range(count))


def pages(count: int) -> bytes:
    chance = random.Random(4)
    return b"".join(
        b"OggS\0" + bytes(21) + bytes([10]) + bytes([255] * 10) + chance.randbytes(2_550)
        for _ in range(count)
    )


SOUNDS = {
    "MPEG": lambda: frames(400),
    "MPEG behind a tag": lambda: id3(999) + frames(400),
    "Ogg": lambda: pages(90),
    "FLAC": lambda: b"fLaC\x80\0\0\x22" + bytes(34) + b"\xff\xf8\x69\x18" + NOISE * 90,
    "MPEG-4": lambda: (
        b"\0\0\0\x18ftypM4A \0\0\0\0M4A mp42" + struct.pack(">I", 270_008) + b"mdat" + NOISE * 90
    ),
    "WAVE": lambda: b"RIFF" + struct.pack("<I", 270_004) + b"WAVE" + NOISE * 90,
    "WOFF": lambda: b"wOF2\0\1\0\0" + struct.pack(">I", 270_012) + NOISE * 90,
}


@pytest.mark.parametrize("name", SOUNDS)
def test_sounds_and_fonts_are_dense_without_pictures(name: str) -> None:
    status, reason = row(SOUNDS[name]())
    assert status is Status.NOT_IMAGE
    assert reason.startswith(("a sound", "a font"))


@pytest.mark.parametrize(
    "head",
    [
        b"ID3\3\0\0\0\0\0\0",
        b"\xff\xfb\x90\x64",
        b"OggS",
        b"fLaC",
        b"wOF2",
        b"RIFF....WAVE",
        b"\0\0\0\x18ftypM4A \0\0\0\0M4A mp42",
    ],
)
def test_no_first_bytes_alone_make_noise_a_sound(head: bytes) -> None:
    assert row(head + NOISE * 90)[0] is Status.UNSUPPORTED


def test_what_begins_with_any_bytes_is_not_clean_because_of_them() -> None:
    """Encrypted files without a mark begin with anything, and some of that means something."""
    chance = random.Random(5)
    for _ in range(3_000):
        head = chance.randbytes(1_000)
        kind = kind_of(head, head, 1 << 20)
        assert not kind.is_dense
        assert kind.name != "text"
