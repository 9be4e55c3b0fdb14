"""The scan-record contract: one record for every file met, whatever happened to it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

# Control characters, and the mark between a container and its members.
RESERVED = re.compile("[\x00-\x1f\x7f]|!(?=/)")


class Status(StrEnum):
    """What became of a file. Only `scored` files have a verdict."""

    SCORED = "scored"
    NOT_IMAGE = "not_image"
    UNREADABLE = "unreadable"
    ENCRYPTED = "encrypted"
    OVER_LIMIT = "over_limit"
    TIMEOUT = "timeout"
    CRASHED = "crashed"
    UNSUPPORTED = "unsupported"


class Verdict(StrEnum):
    FAKE = "fake"
    REAL = "real"
    INCONCLUSIVE = "inconclusive"


# Statuses of files that may hold an image nobody looked at.
UNEXAMINED = frozenset(Status) - {Status.SCORED, Status.NOT_IMAGE}


@dataclass(frozen=True)
class Record:
    """One row of a report; None where a value does not exist.

    path: evidence-relative, members as `archive.zip!/inner.tar!/a.jpg`, escaped by `path_text`.
    position: its place among all that came out of its outermost archive, from 1; 0 for a file of
        its own. Archives may hold several members of one name.
    format: by content, not by name. width, height: stored pixels. frames: frames or pages, of
        which the first was scored.
    logit: the model's raw log-odds. p_fake: calibrated probability, 0 to 1, for equal numbers of
        real and fake images. confidence: that of the likelier class, 0.5 to 1. llr: log10 of the
        likelihood ratio fake : real. The last three exist only inside the model's domain.
    reason: why a verdict is inconclusive. error: why the file has no verdict.
    evidence: provenance findings as JSON, kept apart from the score.
    model: name and first 12 hex digits of the model file's SHA-256.
    """

    path: str
    position: int
    sha256: str | None
    bytes: int | None
    format: str | None
    width: int | None
    height: int | None
    frames: int | None
    status: Status
    verdict: Verdict | None
    p_fake: float | None
    confidence: float | None
    llr: float | None
    logit: float | None
    reason: str | None
    evidence: str | None
    error: str | None
    model: str


def path_text(path: str) -> str:
    """A path as text that any report can hold and `path_from_text` reverses.

    Backslashes double; control characters and bytes that are no UTF-8 become \\xNN, and so does
    the ! of a folder or member named `x!`, which else could pass for an archive.
    """
    escaped = path.replace("\\", "\\\\").encode("utf-8", "surrogateescape")
    text = escaped.decode("utf-8", "backslashreplace")
    return RESERVED.sub(lambda match: f"\\x{ord(match[0]):02x}", text)


def path_from_text(text: str) -> str:
    """The path behind `path_text`, as Python's file functions take it."""

    def unescape(match: re.Match[bytes]) -> bytes:
        return b"\\" if match[1] == b"\\" else bytes([int(match[1][1:], 16)])

    raw = re.sub(rb"\\(\\|x[0-9a-f]{2})", unescape, text.encode())
    return raw.decode("utf-8", "surrogateescape")
