"""A signature must convince an expert who trusts OpenSSL and has never seen imgscan."""

from __future__ import annotations

import hashlib
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from scanner.custody.signing import (
    SigningError,
    fingerprint,
    generate_key,
    is_signed_by,
    load_private_key,
    load_public_key,
)

DATA = b'{"manifest": 1}\n'
openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="OpenSSL is not installed")


def _openssl(*arguments: str | Path) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        ["openssl", *map(str, arguments)], capture_output=True, timeout=60, check=False
    )


def test_a_signature_holds_for_its_data_and_key_alone(tmp_path: Path) -> None:
    public = load_public_key(generate_key(tmp_path / "key"))
    other = load_public_key(generate_key(tmp_path / "other"))
    signature = load_private_key(tmp_path / "key").sign(DATA)
    assert is_signed_by(public, signature, DATA)
    assert not is_signed_by(public, signature, DATA + b" ")
    assert not is_signed_by(public, signature[:-1], DATA)
    assert not is_signed_by(public, b"", DATA)
    assert not is_signed_by(other, signature, DATA)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no file modes")
def test_the_private_key_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    public = generate_key(tmp_path / "key")
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    assert b"PRIVATE" not in public.read_bytes()


@pytest.mark.parametrize("present", ["key", "key.pub"])
def test_no_key_is_ever_overwritten(tmp_path: Path, present: str) -> None:
    (tmp_path / present).write_text("precious")
    with pytest.raises(SigningError, match=f"{present} exists already"):
        generate_key(tmp_path / "key")
    assert [path.name for path in tmp_path.iterdir()] == [present]
    assert (tmp_path / present).read_text() == "precious"


def test_a_key_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(SigningError, match="cannot be written: No such file"):
        generate_key(tmp_path / "none" / "key")


@openssl
def test_openssl_accepts_our_signature_and_refuses_a_changed_file(tmp_path: Path) -> None:
    public = generate_key(tmp_path / "key")
    data, signature = tmp_path / "data", tmp_path / "data.sig"
    data.write_bytes(DATA)
    signature.write_bytes(load_private_key(tmp_path / "key").sign(DATA))
    check: list[str | Path] = ["pkeyutl", "-verify", "-pubin", "-inkey", public, "-rawin"]
    check += ["-in", data, "-sigfile", signature]
    assert _openssl(*check).returncode == 0
    data.write_bytes(DATA + b" ")
    assert _openssl(*check).returncode != 0


@openssl
def test_openssl_keys_and_signatures_are_accepted(tmp_path: Path) -> None:
    key, public, data, signature = (tmp_path / name for name in ("key", "pub", "data", "sig"))
    data.write_bytes(DATA)
    _openssl("genpkey", "-algorithm", "ed25519", "-out", key)
    _openssl("pkey", "-in", key, "-pubout", "-out", public)
    _openssl("pkeyutl", "-sign", "-inkey", key, "-rawin", "-in", data, "-out", signature)
    assert is_signed_by(load_public_key(public), signature.read_bytes(), DATA)
    assert load_private_key(key).sign(DATA) == signature.read_bytes()


@openssl
def test_openssl_gives_the_same_fingerprint(tmp_path: Path) -> None:
    public = generate_key(tmp_path / "key")
    der = _openssl("pkey", "-pubin", "-in", public, "-outform", "DER").stdout
    assert fingerprint(load_public_key(public)) == hashlib.sha256(der).hexdigest()


def test_keys_that_cannot_sign_are_refused(tmp_path: Path) -> None:
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    locked, curve, letter = tmp_path / "locked", tmp_path / "curve", tmp_path / "letter"
    protection = serialization.BestAvailableEncryption(b"secret")
    locked.write_bytes(Ed25519PrivateKey.generate().private_bytes(pem, form, protection))
    other = ec.generate_private_key(ec.SECP256R1())
    curve.write_bytes(other.private_bytes(pem, form, serialization.NoEncryption()))
    letter.write_text("dear examiner")
    for path, sentence in (
        (locked, "protected by a passphrase"),
        (curve, "no Ed25519 key"),
        (letter, "no private key"),
        (generate_key(tmp_path / "key"), "no private key"),
        (tmp_path / "none", "cannot be read"),
    ):
        with pytest.raises(SigningError, match=sentence):
            load_private_key(path)


def test_keys_that_cannot_verify_are_refused(tmp_path: Path) -> None:
    generate_key(tmp_path / "key")
    curve = tmp_path / "curve"
    curve.write_bytes(
        ec.generate_private_key(ec.SECP256R1())
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    for path, sentence in (
        (tmp_path / "key", r"no public key; give the signer's \.pub file"),
        (curve, "no Ed25519 public key"),
        (tmp_path / "none", "cannot be read"),
    ):
        with pytest.raises(SigningError, match=sentence):
            load_public_key(path)
