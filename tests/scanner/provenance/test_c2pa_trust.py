"""What is signed by a trusted signer is validated, and nothing else is; whom to trust comes from
the user alone, and no check asks the network."""

from __future__ import annotations

import csv
import json
import math
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from scanner.provenance.c2pa import PURPOSES, findings
from scanner.provenance.finding import Finding, Tag
from scanner.provenance.metadata import read
from tests.conftest import imgscan

UNTRUSTED = "signingCredential.untrusted"


def told(data: bytes, *anchors: str) -> dict[str, Finding]:
    return {found.name: found for found in findings(data, read(data), "".join(anchors))}


def test_a_signer_is_trusted_by_any_of_the_lists(
    encode: Any, signer: Any, make_signer: Any
) -> None:
    signed, _ = signer.sign(encode("JPEG"))
    for anchors in ([make_signer().anchor, signer.anchor], [signer.anchor, make_signer().anchor]):
        found = told(signed, *anchors)
        assert found["integrity"].value == "intact, signed by a trusted signer"
        assert found["digital_source_type"].tag is Tag.VALIDATED
    found = told(signed, make_signer().anchor)
    assert found["integrity"].value == f"intact, signer not trusted: {UNTRUSTED}"
    assert {it.tag for name, it in found.items() if name != "integrity"} == {Tag.DECLARED}


@pytest.mark.parametrize("purpose", PURPOSES)
def test_all_certificates_that_c2pa_allows_may_sign(
    purpose: str, encode: Any, make_signer: Any
) -> None:
    """Those of the official list are for C2PA, which the library takes only where it is told."""
    signer = make_signer(purpose=x509.ObjectIdentifier(purpose))
    signed, _ = signer.sign(encode("JPEG"))
    assert told(signed, signer.anchor)["integrity"].value == "intact, signed by a trusted signer"
    assert told(signed)["integrity"].value == "intact, signer not checked"


def test_what_was_changed_after_signing_is_only_declared(encode: Any, signer: Any) -> None:
    signed = bytearray(signer.sign(encode("JPEG"))[0])
    signed[-20] ^= 1
    found = told(bytes(signed), signer.anchor)
    assert found["integrity"].value == "not intact: assertion.dataHash.mismatch"
    assert {it.tag for name, it in found.items() if name != "integrity"} == {Tag.DECLARED}


def test_an_expired_certificate_without_a_trusted_time_is_not_trusted(
    encode: Any, make_signer: Any
) -> None:
    lasts = 0.5
    ends = math.floor(time.time() + lasts) + 1  # certificates know whole seconds
    signer = make_signer(lasts=timedelta(seconds=lasts))
    signed, _ = signer.sign(encode("JPEG"))
    time.sleep(ends + 0.1 - time.time())
    expired = "signingCredential.expired"
    value = told(signed, signer.anchor)["integrity"].value
    assert value == f"intact, signer not trusted: {expired}, {UNTRUSTED}"
    assert told(signed)["integrity"].value == f"intact, signer not checked: {expired}"


def test_a_certificates_authority_is_not_asked(encode: Any, server: Any, make_signer: Any) -> None:
    signer = make_signer(f"{server.url}/ocsp")
    signed, _ = signer.sign(encode("JPEG"), remote=f"{server.url}/manifest")
    assert told(signed, signer.anchor)["integrity"].value.endswith("trusted signer")
    assert server.requests == []


def test_the_whole_scan(encode: Any, signer: Any, make_signer: Any, tmp_path: Path) -> None:
    """From the list to the origin in the report, the exit code, the facts and what compare says."""
    evidence = tmp_path / "evidence"
    evidence.mkdir()
    (evidence / "made.jpg").write_bytes(signer.sign(encode("JPEG"))[0])
    (tmp_path / "other.pem").write_text(make_signer().anchor)
    (tmp_path / "list.pem").write_text(f"Subject\tCN=Test authority\n{signer.anchor}")
    lists = ["--c2pa-trust", "other.pem", "--c2pa-trust", "list.pem"]
    found = {}
    for name, options, code in (("with", lists, 1), ("without", [], 0)):
        reports = ["--report", f"{name}.csv", "--report", f"{name}.json"]
        scan = ["evidence", *reports, "--quiet", "--fail-on", "ai_validated", *options]
        ended = imgscan(*scan, cwd=tmp_path)
        assert (ended.returncode, ended.stderr) == (code, "")
        with (tmp_path / f"{name}.csv").open(newline="", encoding="utf-8") as rows:
            found[name] = [row["origin"] for row in csv.DictReader(rows)]
    assert found == {"with": ["ai_validated"], "without": ["ai_declared"]}
    facts = json.loads((tmp_path / "with.csv.manifest.json").read_bytes())["c2pa_trust"]
    assert [(it["name"], it["certificates"]) for it in facts] == [("other.pem", 1), ("list.pem", 1)]
    assert json.loads((tmp_path / "with.json").read_bytes())["scan"]["c2pa_trust"] == facts
    compared = imgscan("compare", "with.csv", "without.csv", cwd=tmp_path)
    assert "the manifests differ: c2pa_trust" in compared.stderr
    (tmp_path / "list.pem").write_text("no certificates\n")
    refused = imgscan("evidence", "--report", "no.csv", *lists, cwd=tmp_path)
    assert refused.returncode == 2
    assert refused.stderr.startswith("Error: the trust list list.pem holds no certificate")
    assert not (tmp_path / "no.csv").exists()
