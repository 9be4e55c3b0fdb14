"""Fixtures for provenance tests: small images, signed C2PA manifests, a loopback server."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import c2pa
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID
from PIL import Image

from scanner.provenance.readers import gather

MADE_BY_AI = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
MADE = {
    "label": "c2pa.actions.v2",
    "data": {
        "actions": [
            {
                "action": "c2pa.created",
                "digitalSourceType": MADE_BY_AI,
                "softwareAgent": {"name": "Painter"},
            }
        ]
    },
}
Encode = Callable[..., bytes]
Gather = Callable[[bytes], list[dict[str, Any]]]


@pytest.fixture
def encode() -> Encode:
    """encode(kind, **options): a small image as Pillow writes it."""

    def encode_image(kind: str, **options: Any) -> bytes:
        stream = io.BytesIO()
        Image.new("RGB", (32, 32), "teal").save(stream, kind, **options)
        return stream.getvalue()

    return encode_image


@pytest.fixture
def gathered() -> Gather:
    """gathered(data): the findings as a report holds them, read back."""
    return lambda data: json.loads(gather(data).evidence or "[]")


@dataclass
class Server:
    """A web server on the loopback that keeps the requests it got."""

    url: str
    content: bytes = b""
    requests: list[str] = field(default_factory=list)


@pytest.fixture
def server() -> Iterator[Server]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            met.requests.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(met.content)

        do_POST = do_GET  # noqa: N815 # OCSP posts

        def log_message(self, *_: object) -> None:
            pass

    listener = HTTPServer(("127.0.0.1", 0), Handler)
    met = Server(f"http://127.0.0.1:{listener.server_port}")
    thread = threading.Thread(target=listener.serve_forever)
    thread.start()
    yield met
    listener.shutdown()
    thread.join()
    listener.server_close()


class Signer:
    """A signing certificate and the authority behind it, made for one test.

    ocsp: where the certificate says its revocation can be asked for. purpose: what it says it is
    for. lasts: until when it is valid.
    """

    def __init__(
        self,
        ocsp: str = "http://127.0.0.1:9/ocsp",
        purpose: x509.ObjectIdentifier = ExtendedKeyUsageOID.EMAIL_PROTECTION,
        lasts: timedelta = timedelta(days=30),
    ) -> None:
        authority = ec.generate_private_key(ec.SECP256R1())
        key = ec.generate_private_key(ec.SECP256R1())
        root = (
            _certificate("Test authority", "Test authority", authority.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(_key_usage(signs_certificates=True), critical=True)
            .sign(authority, hashes.SHA256())
        )
        asked = x509.AccessDescription(
            AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(ocsp)
        )
        leaf = (
            _certificate("Test signer", "Test authority", key.public_key(), lasts)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([purpose]), False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key()), False
            )
            .add_extension(x509.AuthorityInformationAccess([asked]), False)
            .sign(authority, hashes.SHA256())
        )
        self.anchor = root.public_bytes(serialization.Encoding.PEM).decode()
        self.certificate = leaf.public_bytes(serialization.Encoding.PEM).decode()
        self._chain = leaf.public_bytes(serialization.Encoding.PEM) + self.anchor.encode()
        self._key = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )

    def c2pa_signer(self) -> Any:
        """A signer as c2pa-python takes it, which uses it up."""
        return c2pa.Signer.from_info(c2pa.C2paSignerInfo(b"es256", self._chain, self._key, None))

    def sign(
        self,
        data: bytes,
        mime: str = "image/jpeg",
        remote: str | None = None,
        embed: bool = True,
        assertions: Sequence[dict[str, Any]] = (MADE,),
        parts: Sequence[tuple[str, bytes]] = (),
    ) -> tuple[bytes, bytes]:
        """The signed file and its manifest, which `remote` names and `embed` puts inside.

        parts: how a JPEG is related to the file, as `parentOf`, and the JPEG; the first is `part0`.
        """
        manifest = {
            "claim_generator_info": [{"name": "Painter", "version": "7"}],
            "assertions": assertions,
        }
        settings = {
            "verify": {"verify_after_sign": False},
            "builder": {"thumbnail": {"enabled": False}},
        }
        context = c2pa.Context(c2pa.Settings.from_dict(settings))
        builder = c2pa.Builder(json.dumps(manifest), context=context)
        if remote:
            builder.set_remote_url(remote)
        for number, (relationship, part) in enumerate(parts):
            named = {"relationship": relationship, "label": f"part{number}", "title": "part.jpg"}
            builder.add_ingredient(json.dumps(named), "image/jpeg", io.BytesIO(part))
        if not embed:
            builder.set_no_embed()
        signed = io.BytesIO()
        stored = builder.sign(self.c2pa_signer(), mime, io.BytesIO(data), signed)
        return signed.getvalue(), stored


@pytest.fixture
def signer() -> Signer:
    return Signer()


@pytest.fixture
def make_signer() -> type[Signer]:
    """make_signer(ocsp, purpose, lasts): another signer, with an authority of its own."""
    return Signer


def _certificate(
    subject: str,
    issuer: str,
    key: ec.EllipticCurvePublicKey,
    lasts: timedelta = timedelta(days=30),
) -> x509.CertificateBuilder:
    def name(common: str) -> x509.Name:
        organisation = x509.NameAttribute(NameOID.ORGANIZATION_NAME, "imgscan tests")
        return x509.Name([organisation, x509.NameAttribute(NameOID.COMMON_NAME, common)])

    now = datetime.now(UTC)
    return x509.CertificateBuilder(
        issuer_name=name(issuer),
        subject_name=name(subject),
        public_key=key,
        serial_number=x509.random_serial_number(),
        not_valid_before=now - timedelta(days=1),
        not_valid_after=now + lasts,
    )


def _key_usage(signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
