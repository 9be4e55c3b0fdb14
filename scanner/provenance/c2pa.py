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

from scanner.provenance.c2pa_statements import (
    UNTRUSTED,
    Stage,
    codes,
    mapping,
    sequence,
    stages,
    statements,
)
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
# What a signing certificate may be for: mail, documents, and C2PA itself by its own number and by
# Microsoft's. Of these the library takes the first alone, unless told of the others.
PURPOSES = (
    "1.3.6.1.5.5.7.3.4", "1.3.6.1.5.5.7.3.36", "1.3.6.1.4.1.62558.2.1", "1.3.6.1.4.1.311.76.59.1.9",
)  # fmt: skip
# Who signed is another question than whether the file is as it was signed.
CREDENTIAL = "signingCredential."
TIME_TRUSTED = "timeStamp.trusted"


def findings(data: bytes, metadata: Metadata, trust_anchors: str = "") -> Iterator[Finding]:
    """Whether a manifest fits its file is validated; what it says only from a trusted signer.

    A certificate can bear any name. So signer, generator and source types are `validated` only
    when the certificate leads to one of `trust_anchors` (PEM), and `declared` otherwise.
    """
    if not metadata.c2pa:
        return
    c2pa = _library()
    trust = {"trust_config": "\n".join(PURPOSES)}
    if trust_anchors:
        trust["trust_anchors"] = trust_anchors
    context = c2pa.Context(c2pa.Settings.from_dict(OFFLINE | {"trust": trust}))
    try:
        with c2pa.Reader(None, io.BytesIO(data), context=context) as reader:
            store = mapping(json.loads(reader.json()))
    except c2pa.C2paError.ManifestNotFound:
        return
    except c2pa.C2paError.NotSupported as error:
        yield Finding("c2pa", Tag.INFERRED, "unread", str(error))
        return
    except c2pa.C2paError as error:
        if "remote manifest" not in str(error):  # that one is for `xmp` to tell
            yield Finding("c2pa", Tag.VALIDATED, "integrity", f"not intact: {error}")
        return
    failures = _failures(store)
    broken = [code for code in failures if not code.startswith(CREDENTIAL)]
    doubts = [code for code in failures if code.startswith(CREDENTIAL)]
    trusted = store.get("validation_state") == "Trusted" and not broken
    if broken:
        integrity = f"not intact: {', '.join(broken)}"
    elif trusted:
        integrity = "intact, signed by a trusted signer"
    else:
        if not trust_anchors:  # of what was not asked for no failure is told
            doubts = [code for code in doubts if not code.startswith(UNTRUSTED)]
        checked = "not trusted" if trust_anchors else "not checked"
        integrity = ": ".join(filter(None, (f"intact, signer {checked}", ", ".join(doubts))))
    yield Finding("c2pa", Tag.VALIDATED, "integrity", integrity)
    history = stages(store, trusted)
    yield from _signature(store, history[0])
    for stage, name, value, claim in statements(history):
        yield Finding("c2pa", _tag(stage.trusted), name, value, claim)


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


def _failures(store: dict[str, Any]) -> list[str]:
    """Codes of everything that failed, in the manifest and in those of its ingredients."""
    results = mapping(store.get("validation_results"))
    failed = {code for code, _ in codes(mapping(results.get("activeManifest")).get("failure"))}
    for delta in map(mapping, sequence(results.get("ingredientDeltas"))):
        inside = codes(mapping(delta.get("validationDeltas")).get("failure"))
        failed |= {f"{code} (ingredient)" for code, _ in inside}
    return sorted(failed)


def _signature(store: dict[str, Any], stage: Stage) -> Iterator[Finding]:
    """Who signed the manifest in force, when, and with what it was made."""
    tag = _tag(stage.trusted)
    signature = mapping(stage.manifest.get("signature_info"))
    names = [signature.get("common_name"), signature.get("issuer")]
    yield Finding(
        "c2pa", tag, "signer", ", ".join(str(name) for name in names if name) or "unnamed"
    )
    if signature.get("time"):
        # Whoever stamped the time is trusted, or not, apart from who signed.
        active = mapping(mapping(store.get("validation_results")).get("activeManifest"))
        stamped = any(code == TIME_TRUSTED for code, _ in codes(active.get("success")))
        yield Finding("c2pa", _tag(stage.trusted and stamped), "signed_at", str(signature["time"]))
    for generator in map(mapping, sequence(stage.manifest.get("claim_generator_info"))):
        value = f"{generator.get('name', '')} {generator.get('version', '')}".strip()
        yield Finding("c2pa", tag, "generator", value)


def _tag(trusted: bool) -> Tag:
    return Tag.VALIDATED if trusted else Tag.DECLARED
