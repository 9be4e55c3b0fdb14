"""What the tests of mail share: messages written line by line, as no library would write them."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable

from tests.conftest import image_bytes

JPEG = image_bytes("JPEG")
FIELDS = b"From: a@example.org\nTo: b@example.org\nSubject: s\nMIME-Version: 1.0\n"


def uuencoded(data: bytes, name: bytes = b"p.jpg") -> bytes:
    lines = [binascii.b2a_uu(data[at : at + 45]) for at in range(0, len(data), 45)]
    return b"begin 644 " + name + b"\n" + b"".join(lines) + b"`\nend\n"


def yencoded(data: bytes, name: bytes = b"p.jpg") -> bytes:
    signs = b"".join(
        b"=%c" % ((value + 64) % 256) if value in b"\0\r\n=" else b"%c" % value
        for value in ((it + 42) % 256 for it in data)
    )
    size = b"%d" % len(data)
    head = b"=ybegin line=128 size=" + size + b" name=" + name + b"\n"
    return head + signs + b"\n=yend size=" + size + b"\n"


CODED: dict[str, Callable[[bytes], bytes]] = {
    "base64": base64.encodebytes,
    "quoted-printable": lambda data: binascii.b2a_qp(data, istext=False) + b"\n",
    "uuencode": uuencoded,
}


def mail(body: bytes, *fields: bytes) -> bytes:
    return FIELDS + b"".join(field + b"\n" for field in fields) + b"\n" + body


def multipart(parts: Iterable[bytes], boundary: bytes = b"BB") -> bytes:
    """A message of `parts`, each with its header."""
    body = b"".join(b"--" + boundary + b"\n" + part + b"\n" for part in parts)
    field = b'Content-Type: multipart/mixed; boundary="' + boundary + b'"'
    return mail(body + b"--" + boundary + b"--\n", field)


def part(body: bytes, *fields: bytes) -> bytes:
    return b"".join(field + b"\n" for field in fields) + b"\n" + body


def picture(coding: str = "base64", data: bytes = JPEG) -> bytes:
    """A part that is a picture."""
    kind = b"Content-Type: image/jpeg; name=p.jpg"
    return part(CODED[coding](data), kind, b"Content-Transfer-Encoding: " + coding.encode())
