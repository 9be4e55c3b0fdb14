"""Ed25519 signatures (RFC 8032) over a scan's manifest, and through its hashes over every report.

Keys are PEM files (PKCS #8 and SubjectPublicKeyInfo); a signature is its bare 64 bytes, in a file
of its own beside the manifest. So anyone can check one without imgscan, with OpenSSL 3:

    openssl pkeyutl -verify -pubin -inkey examiner.key.pub -rawin \\
        -in out.csv.manifest.json -sigfile out.csv.manifest.json.sig
    sha256sum out.csv    # and compare with the manifest
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from scanner.errors import ImgscanError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
        Ed25519PublicKey,
    )

PUBLIC_SUFFIX = ".pub"


class SigningError(ImgscanError):
    """A key cannot be made or used; the sentence says why and what to do."""


def generate_key(path: Path) -> Path:
    """Write a new private key, readable by its owner alone, and beside it its public key.

    Returns the public key's path. Raises SigningError; no file is ever overwritten.
    """
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    public_path = path.with_name(path.name + PUBLIC_SUFFIX)
    try:
        _write_new(public_path, public, 0o644)
        try:
            _write_new(path, private, 0o600)
        except OSError:
            public_path.unlink()  # of a private key that nobody has
            raise
    except FileExistsError as error:
        raise SigningError(f"{error.filename} exists already; name another file.") from error
    except OSError as error:
        reason = error.strerror or error
        raise SigningError(f"the key {path} cannot be written: {reason}.") from error
    return public_path


def load_private_key(path: Path) -> Ed25519PrivateKey:
    """The key that `generate_key`, or `openssl genpkey -algorithm ed25519`, wrote to `path`.

    Raises SigningError.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(_read(path), password=None)
    except TypeError as error:
        raise SigningError(
            f"{path} is protected by a passphrase, which imgscan does not ask for; "
            "sign with a key without one."
        ) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise SigningError(f"{path} is no private key; make one with imgscan keygen.") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise SigningError(f"{path} is no Ed25519 key; make one with imgscan keygen.")
    return key


def load_public_key(path: Path) -> Ed25519PublicKey:
    """The public key in `path`. Raises SigningError."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(_read(path))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise SigningError(
            f"{path} is no public key; give the signer's {PUBLIC_SUFFIX} file."
        ) from error
    if not isinstance(key, Ed25519PublicKey):
        raise SigningError(f"{path} is no Ed25519 public key.")
    return key


def is_signed_by(key: Ed25519PublicKey, signature: bytes, data: bytes) -> bool:
    """Whether `signature` is this key's over `data`."""
    from cryptography.exceptions import InvalidSignature

    try:
        key.verify(signature, data)
    except InvalidSignature:
        return False
    return True


def fingerprint(key: Ed25519PublicKey) -> str:
    """SHA-256, in hexadecimal, of the key's DER form: what names a signer in manifests.

    `openssl pkey -pubin -in examiner.key.pub -outform DER | sha256sum` prints the same.
    """
    from cryptography.hazmat.primitives import serialization

    encoded = key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return hashlib.sha256(encoded).hexdigest()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SigningError(f"the key {path} cannot be read: {error.strerror or error}.") from error


def _write_new(path: Path, content: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
