"""Marks of encrypted files. What has no mark, as a VeraCrypt volume, looks like noise."""

from __future__ import annotations

import re

MARKS = (
    (0, b"age-encryption.org/", "an age file"),
    (0, b"-----BEGIN AGE ENCRYPTED FILE-----", "an age file"),
    (0, b"Salted__", "a file encrypted by openssl"),
    (0, b"U2FsdGVkX1", "a file encrypted by openssl"),
    (0, b"LUKS\xba\xbe", "a LUKS volume"),
    (0, b"SKUL\xba\xbe", "a LUKS volume"),
    (3, b"-FVE-FS-", "a BitLocker volume"),
    # BitLocker To Go looks like FAT, but for this identifier.
    (424, bytes.fromhex("3bd66749292ed84a8399f6a339e3d001"), "a BitLocker volume"),
    (0, b"encrcdsa", "an encrypted Apple disk image"),
    (0, b"cdsaencr", "an encrypted Apple disk image"),
    (0, b"$ANSIBLE_VAULT;", "an Ansible vault"),
    (0, b"\x03\xd9\xa2\x9a\x67\xfb\x4b\xb5", "a KeePass database"),
    (0, b"\x03\xd9\xa2\x9a\x65\xfb\x4b\xb5", "a KeePass database"),
    (0, b"AES\x02\0", "an AES Crypt file"),
    (0, bytes.fromhex("c0b9072e4f93f146a015792ca1d9e821"), "an AxCrypt file"),
    (0, b"RCLONE\0\0", "a file encrypted by rclone"),
    (8, b"\x3c\x81\xb7\xf5", "an eCryptfs file"),
    (0, b"7z\xbc\xaf\x27\x1c\0\4\xff", "an encrypted 7z archive"),
)
ARMOURED = re.compile(rb"-----BEGIN PGP MESSAGE-----")
ARMOURED_WITHIN = 4_096
# DER: a sequence of any length whose first element is one of these content types (RFC 5652, 5083).
ENVELOPED = re.compile(
    rb"\x30(?:[\x00-\x80]|\x81.|\x82..|\x83...|\x84....)\x06"
    rb"(?:\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07[\x03\x06]|\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x17)",
    re.DOTALL,
)
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
OFFICE_PACKAGE = "EncryptedPackage".encode("utf-16-le")
ANDROID_BACKUP = re.compile(rb"ANDROID BACKUP\n\d\n[01]\nAES-256\n")
ENCRYPTED_TO_KEY, BY_PASSWORD = 1, 3  # of OpenPGP packets that precede encrypted data


def name(head: bytes) -> str | None:
    """What encrypted kind a file is that begins with `head`, None for any other."""
    for offset, mark, kind in MARKS:
        if head.startswith(mark, offset):
            return kind
    if ARMOURED.search(head, 0, ARMOURED_WITHIN) or _is_openpgp(head):
        return "an OpenPGP message"
    if ENVELOPED.match(head):
        return "an S/MIME message"
    if head.startswith(OLE) and OFFICE_PACKAGE in head:
        return "an encrypted Office document"
    return "an encrypted Android backup" if ANDROID_BACKUP.match(head) else None


def _is_openpgp(head: bytes) -> bool:
    """Whether it begins with a session key packet of a known version (RFC 9580, 5.1 and 5.3)."""
    if len(head) < 16 or not head[0] & 0x80:
        return False
    if head[0] & 0x40:
        tag, length, body = head[0] & 0x3F, head[1], head[2:]
        if length >= 192:
            length, body = (length - 192 << 8) + head[2] + 192, head[3:]
    else:
        tag, octets = head[0] >> 2 & 0xF, 1 << (head[0] & 3)
        length, body = int.from_bytes(head[1 : 1 + octets]), head[1 + octets :]
    if tag == ENCRYPTED_TO_KEY:
        is_known = body[0] in (3, 6) and 16 < length < 2_100 and body[9] in (1, 2, 16, 18, 25, 26)
    elif tag == BY_PASSWORD:
        is_known = body[0] in (4, 5, 6) and 3 < length < 128 and 1 <= body[1] <= 13
    else:
        return False
    return is_known and _packet_follows(body[length:] if length < len(body) else b"")


def _packet_follows(head: bytes) -> bool:
    return not head or bool(head[0] & 0x80)
