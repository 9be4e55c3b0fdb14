"""Provenance: what a file itself tells of its origin, kept apart from the model's score.

One small module a source, each with `findings(data, metadata)`; adding a source adds a file and an
entry in SOURCES. Nothing here ever touches the network.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import NamedTuple

from scanner.provenance import c2pa, exif, inside, jpeg, png_text, xmp
from scanner.provenance.finding import Finding, Tag, to_json
from scanner.provenance.metadata import read
from scanner.provenance.origin import contradictions, origin
from scanner.record import Origin

SOURCES = {"c2pa": c2pa, "xmp": xmp, "exif": exif, "png": png_text, "jpeg": jpeg, "file": inside}
CAVEAT = (
    "That nothing is found proves nothing: metadata is easily lost or removed, and what is merely "
    "declared is easily forged. SynthID and other watermarks that only their makers can read were "
    "not checked."
)


class Provenance(NamedTuple):
    """What a file tells of its origin. evidence: the findings as compact JSON, see `to_json`."""

    origin: Origin | None = None
    evidence: str | None = None


def gather(data: bytes, others: Iterable[Finding] = (), trust_anchors: str = "") -> Provenance:
    """All findings of an image file. Never raises.

    data: the whole file. others: what else was found. trust_anchors: certificates, as PEM, of those
    whose C2PA signatures are trusted. A source that cannot be read becomes a finding that says so.
    """
    readers = {name: source.findings for name, source in SOURCES.items()}
    readers["c2pa"] = partial(c2pa.findings, trust_anchors=trust_anchors)
    found = list(others)
    try:
        metadata = read(data)
        for name, findings in readers.items():
            try:
                found.extend(findings(data, metadata))
            except Exception as error:  # hostile metadata raises nearly anything
                reason = str(error) or type(error).__name__
                found.append(Finding(name, Tag.INFERRED, "unread", reason))
        return Provenance(origin(found), to_json([*contradictions(found), *found]))
    except Exception:  # out of memory, say: the score stands all the same
        return Provenance()
