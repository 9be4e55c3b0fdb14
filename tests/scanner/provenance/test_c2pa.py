"""C2PA manifests are checked for real, a signer's name is believed only from a trusted
certificate, and nothing in a file makes the scan touch the network or run its code."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import c2pa
import pytest
from cryptography.hazmat.bindings import _rust

from scanner.provenance.c2pa import findings
from scanner.provenance.finding import Claim, Finding, Tag
from scanner.provenance.metadata import read

MADE_BY_AI = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
ROOT = Path(__file__).parents[3]
LIBRARIES = {"linux": "libc2pa_c.so", "darwin": "libc2pa_c.dylib", "win32": "c2pa_c.dll"}


def told(data: bytes, trust_anchors: str = "") -> dict[str, Finding]:
    return {found.name: found for found in findings(data, read(data), trust_anchors)}


@pytest.mark.parametrize(
    ("kind", "mime"),
    [
        ("JPEG", "image/jpeg"),
        ("PNG", "image/png"),
        ("WEBP", "image/webp"),
        ("TIFF", "image/tiff"),
        ("GIF", "image/gif"),
        ("AVIF", "image/avif"),
    ],
)
def test_an_intact_manifest_of_an_unknown_signer(
    kind: str, mime: str, encode: Any, signer: Any
) -> None:
    found = told(signer.sign(encode(kind), mime)[0])
    assert (found["integrity"].tag, found["integrity"].value) == (
        Tag.VALIDATED,
        "intact, signer not checked",
    )
    assert found["signer"] == Finding("c2pa", Tag.DECLARED, "signer", "Test signer, imgscan tests")
    assert found["digital_source_type"] == Finding(
        "c2pa", Tag.DECLARED, "digital_source_type", MADE_BY_AI, Claim.AI
    )
    assert found["generator"].value == "Painter 7"


def test_a_trusted_signers_statements_are_validated(encode: Any, signer: Any) -> None:
    found = told(signer.sign(encode("JPEG"))[0], signer.anchor)
    assert {finding.tag for finding in found.values()} == {Tag.VALIDATED}
    assert found["integrity"].value == "intact, signed by a trusted signer"
    assert found["digital_source_type"].value == MADE_BY_AI


def test_a_changed_pixel_is_noticed(encode: Any, signer: Any) -> None:
    signed = bytearray(signer.sign(encode("JPEG"))[0])
    signed[-20] ^= 1
    found = told(bytes(signed), signer.anchor)
    assert found["integrity"].value == "not intact: assertion.dataHash.mismatch"
    assert found["digital_source_type"].tag is Tag.DECLARED


def test_a_broken_manifest_is_no_intact_one(encode: Any, signer: Any) -> None:
    signed = signer.sign(encode("PNG"), "image/png")[0]
    at = signed.index(b"jumd")
    found = told(signed[:at] + b"dmuj" + signed[at + 4 :])
    assert found["integrity"].value.startswith("not intact: ")
    assert list(found) == ["integrity"]


def test_no_manifest_names_no_library(encode: Any) -> None:
    """The library costs time and memory; a file without the marker must not load it."""
    code = (
        "import sys; from scanner.provenance.readers import gather; "
        "gather(sys.stdin.buffer.read()); sys.exit('c2pa' in sys.modules)"
    )
    arguments = [sys.executable, "-c", code]
    assert subprocess.run(arguments, input=encode("JPEG"), cwd=ROOT, check=False).returncode == 0


def test_remote_manifests_are_declared_and_never_fetched(
    encode: Any, gathered: Any, server: Any, make_signer: Any
) -> None:
    signer = make_signer(f"{server.url}/ocsp")
    remote, server.content = signer.sign(
        encode("JPEG"), remote=f"{server.url}/manifest", embed=False
    )
    both, _ = signer.sign(encode("JPEG"), remote=f"{server.url}/manifest")
    for data in (remote, both):
        declared = [entry for entry in gathered(data) if entry["name"].startswith("remote")]
        assert [(entry["tag"], entry["value"]) for entry in declared] == [
            ("declared", f"{server.url}/manifest")
        ]
    # The marker of an embedded manifest does not lead there either.
    segment = b"JP\0\1\0\0\0\1\0\0\0\x08jumb"
    decoy = remote[:2] + b"\xff\xeb" + (len(segment) + 2).to_bytes(2) + segment + remote[2:]
    assert read(decoy).c2pa
    gathered(decoy)
    told(both, signer.anchor)
    assert server.requests == []
    # The library itself would have gone there: the server can be reached.
    with c2pa.Reader("image/jpeg", io.BytesIO(remote)):
        assert server.requests == ["/manifest"]


def test_a_library_in_the_current_folder_is_not_loaded(
    encode: Any, signer: Any, tmp_path: Path
) -> None:
    """The current folder may be the evidence; c2pa-python would load its library from there."""
    other = Path(_rust.__file__)  # any library that loads and is not the right one
    (tmp_path / LIBRARIES[sys.platform]).write_bytes(other.read_bytes())
    code = (
        f"import sys; sys.path[0] = {str(ROOT)!r}; from scanner.provenance.readers import gather; "
        "print(gather(sys.stdin.buffer.read()))"
    )
    finished = subprocess.run(
        [sys.executable, "-c", code],
        input=signer.sign(encode("JPEG"))[0],
        cwd=tmp_path,
        capture_output=True,
        check=True,
    )
    assert b'"value":"intact, signer not checked"' in finished.stdout
