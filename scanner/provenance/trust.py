"""Lists of those whose C2PA signatures are trusted. The user names them; imgscan ships none."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from scanner.errors import ImgscanError
from scanner.record import path_text

if TYPE_CHECKING:
    from cryptography import x509

MAX_BYTES = 4 * 2**20  # of one list; the official one has 38 kB
BEGIN = b"-----BEGIN CERTIFICATE-----"


class TrustError(ImgscanError):
    """A trust list cannot be used; the sentence says why."""


@dataclass(frozen=True)
class TrustList:
    """One list. `sha256` is that of its file; `certificates` counts what is in it."""

    name: str
    sha256: str
    certificates: int


@dataclass(frozen=True)
class Trust:
    """All trust lists of a scan. anchors: their certificates as PEM, without anything else."""

    lists: tuple[TrustList, ...] = ()
    anchors: str = ""


def read_trust(files: Sequence[Path]) -> Trust:
    """The certificates in PEM files, which may hold other text between them. Raises TrustError."""
    read = [_read(file) for file in files]
    return Trust(tuple(found for found, _ in read), "".join(anchors for _, anchors in read))


def _read(file: Path) -> tuple[TrustList, str]:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    if file.exists() and not file.is_file():  # a pipe may have no end
        raise TrustError(f"the trust list {file} is no file; name one that holds certificates.")
    try:
        with file.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        reason = error.strerror or error
        raise TrustError(f"the trust list {file} cannot be read: {reason}.") from error
    if len(data) > MAX_BYTES:
        raise TrustError(f"the trust list {file} has more than {MAX_BYTES:,} bytes.")
    if BEGIN not in data:
        raise TrustError(
            f"the trust list {file} holds no certificate in PEM; convert one in DER by "
            "`openssl x509 -inform der`."
        )
    try:
        certificates = x509.load_pem_x509_certificates(data)
        authorities = sum(_is_authority(certificate) for certificate in certificates)
    except ValueError as error:
        raise TrustError(f"the trust list {file} holds a damaged certificate.") from error
    # The library passes over one that has no end.
    if len(certificates) != data.count(BEGIN):
        raise TrustError(f"the trust list {file} holds a certificate that breaks off.")
    if not authorities:
        raise TrustError(
            f"the trust list {file} holds no certificate of an authority, only signers' own, which "
            "are not looked up."
        )
    # Comments need be no UTF-8, which the settings of the C2PA library are.
    anchors = b"".join(certificate.public_bytes(Encoding.PEM) for certificate in certificates)
    digest = hashlib.sha256(data).hexdigest()
    return TrustList(path_text(file.name), digest, len(certificates)), anchors.decode()


def _is_authority(certificate: x509.Certificate) -> bool:
    """Raises ValueError for extensions that cannot be read."""
    from cryptography import x509

    try:
        return bool(certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca)
    except x509.ExtensionNotFound:
        return False
