"""One finding about where an image comes from, and the text a report holds."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from scanner.record import UNPRINTABLE

MAX_CHARACTERS = 300  # of one value; prompts and workflows run to megabytes
MAX_NAME = 80  # characters; a PNG keyword has 79 at most
MAX_FINDINGS = 64  # of one file
ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


class Tag(StrEnum):
    """How far a finding can be relied on."""

    DECLARED = "declared"  # the file says so; anyone can write that, or take it out
    VALIDATED = "validated"  # cryptography, checked here against these very bytes
    INFERRED = "inferred"  # concluded by imgscan


class Claim(StrEnum):
    """Where a finding says that the image comes from."""

    AI = "ai"  # all of it is generated
    EDITED = "edited"  # parts of it are generated, composed or changed
    CAMERA = "camera"  # of a camera or a scanner


@dataclass(frozen=True)
class Finding:
    """Something a file tells of its origin. That nothing is found proves nothing.

    source: what it was read from or which program's mark it is, such as `c2pa` or `comfyui`.
    name: what is told, such as `digital_source_type`. value: the text itself, of any length;
    reports hold its first MAX_CHARACTERS characters. claim: where it says that the image comes
    from, if it says that.
    """

    source: str
    tag: Tag
    name: str
    value: str
    claim: Claim | None = None


def to_json(findings: Iterable[Finding]) -> str | None:
    """The findings as a compact JSON list, without repetitions; None if there are none.

    Those with a claim come first. A value that had to be cut is followed by `length`, its full
    length in characters. When there are more than MAX_FINDINGS, the last entry states how many were
    left out.
    """
    distinct = sorted(dict.fromkeys(findings), key=lambda finding: finding.claim is None)
    entries = [_entry(finding) for finding in distinct[:MAX_FINDINGS]]
    if len(distinct) > MAX_FINDINGS:
        left_out = f"{len(distinct) - MAX_FINDINGS} findings"
        entries.append(_entry(Finding("imgscan", Tag.INFERRED, "left_out", left_out)))
    return UNPRINTABLE.sub(_escape, ENCODER.encode(entries)) if entries else None


def _cut(text: str, length: int) -> str:
    """A lone half of a surrogate pair could not be written to a report."""
    return text[:length].encode("utf-8", "replace").decode()


def _escape(match: re.Match[str]) -> str:
    """As JSON spells it: readers get the value as it was, terminals nothing that steers them."""
    return f"\\u{ord(match[0]):04x}"


def _entry(finding: Finding) -> dict[str, str | int]:
    entry: dict[str, str | int] = {
        "source": finding.source,
        "tag": finding.tag.value,
        "name": _cut(finding.name, MAX_NAME),
        "value": _cut(finding.value, MAX_CHARACTERS),
    }
    if finding.claim is not None:
        entry["claim"] = finding.claim.value
    if len(finding.value) > MAX_CHARACTERS:
        entry["length"] = len(finding.value)
    return entry
