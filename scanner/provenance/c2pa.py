"""C2PA manifests, checked with c2pa-python and without the network."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from scanner.provenance.finding import Finding, Tag
from scanner.provenance.metadata import Metadata

# The first setting alone keeps the library off the network; the others are belt and braces.
OFFLINE = {
    "core": {
        "allowed_network_hosts": [],
        "allow_redirects": False,
        "decode_identity_assertions": False,  # their documents lie on the web
    },
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False},
}
# Who signed is another question than whether the file is as it was signed.
CREDENTIAL = "signingCredential."


def findings(
    data: bytes, metadata: Metadata, trust_anchors: str | None = None
) -> Iterator[Finding]:
    """Whether a manifest fits its file is validated; what it says only from a trusted signer.

    A certificate can bear any name. So signer, generator and source types are `validated` only
    when the certificate leads to one of `trust_anchors` (PEM), and `declared` otherwise.
    """
    if not metadata.c2pa:
        return
    c2pa = _library()
    settings: dict[str, Any] = dict(OFFLINE)
    if trust_anchors:
        settings["trust"] = {"trust_anchors": trust_anchors}
    context = c2pa.Context(c2pa.Settings.from_dict(settings))
    try:
        with c2pa.Reader(None, io.BytesIO(data), context=context) as reader:
            store = json.loads(reader.json())
    except c2pa.C2paError.ManifestNotFound:
        return
    except c2pa.C2paError as error:
        if "remote manifest" not in str(error):  # that one is for `xmp` to tell
            yield Finding("c2pa", Tag.VALIDATED, "integrity", f"not intact: {error}")
        return
    failures = sorted(_failures(store.get("validation_results", {})))
    broken = [code for code in failures if not code.startswith(CREDENTIAL)]
    integrity = f"not intact: {', '.join(broken)}" if broken else "intact"
    yield Finding("c2pa", Tag.VALIDATED, "integrity", integrity)
    trusted = store.get("validation_state") == "Trusted"
    if not trusted:
        unknown = ", ".join(code for code in failures if code.startswith(CREDENTIAL))
        yield Finding("c2pa", Tag.VALIDATED, "signer_trust", unknown or "not trusted")
    tag = Tag.VALIDATED if trusted else Tag.DECLARED
    for name, value in _statements(store):
        yield Finding("c2pa", tag, name, value)


def _library() -> ModuleType:
    """c2pa-python, which looks for its native library in the current folder first.

    That folder may be the evidence, and code from evidence must never run.
    """
    spec = importlib.util.find_spec("c2pa")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("c2pa-python is not installed; run pip install c2pa-python")
    with contextlib.chdir(Path(spec.origin).parent / "libs"):
        import c2pa
    return c2pa


def _failures(results: dict[str, Any]) -> set[str]:
    """Codes of everything that failed, in the manifest and in those of its ingredients."""
    deltas = [delta.get("validationDeltas", {}) for delta in results.get("ingredientDeltas", [])]
    parts = [results.get("activeManifest", {}), *deltas]
    return {failure["code"] for part in parts for failure in part.get("failure", [])}


def _statements(store: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """What the manifest in force says, then the source types of the ones it builds on."""
    manifests = store.get("manifests", {})
    active = manifests.get(store.get("active_manifest"), {})
    signature = active.get("signature_info", {})
    names = [signature.get("common_name"), signature.get("issuer")]
    yield "signer", ", ".join(name for name in names if name) or "unnamed"
    if signature.get("time"):
        yield "signed_at", signature["time"]
    for generator in active.get("claim_generator_info", []):
        yield "generator", f"{generator.get('name', '')} {generator.get('version', '')}".strip()
    for source_type in _source_types(active):
        yield "digital_source_type", source_type
    earlier = [manifest for manifest in manifests.values() if manifest is not active]
    for source_type in sorted({kind for manifest in earlier for kind in _source_types(manifest)}):
        yield "ingredient_digital_source_type", source_type


def _source_types(manifest: dict[str, Any]) -> Iterator[str]:
    for assertion in manifest.get("assertions", []):
        if assertion.get("label", "").startswith("c2pa.actions"):
            for action in assertion["data"].get("actions", []):
                if isinstance(action.get("digitalSourceType"), str):
                    yield action["digitalSourceType"]
