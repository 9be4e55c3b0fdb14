"""The scan-record contract: one record for every file met, whatever happened to it."""

from __future__ import annotations

import math
import os
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, get_args, get_type_hints

# Backslashes, control characters, lone surrogates, what turns the direction of text and so can
# disguise a name, and the mark between container and members.
DIRECTION = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
HARMFUL = f"\x00-\x1f\x7f-\x9f\ud800-\udfff{DIRECTION}"
UNWRITABLE = re.compile(f"[{HARMFUL}\\\\]|!(?=/)")
UNPRINTABLE = re.compile(f"[{HARMFUL}]")
LONE_SURROGATE = re.compile("[\ud800-\udfff]")
LONGEST_TEXT = 100_000_000  # of one value; databases take ten times as much
ESCAPED = re.compile(r"\\(?:\\|x[0-9a-f]{2}|u[0-9a-f]{4})")
# How Python's "surrogateescape" holds the bytes 0x80 to 0xFF where they are no UTF-8.
BYTE_SURROGATES = range(0xDC80, 0xDD00)


# Raised with every change of what a row may say of the same evidence; no scan is carried on from
# records of another version.
RECORDS_VERSION = 9


class Status(StrEnum):
    """What became of a file. Only `scored` files have a verdict.

    `known` files were found in a hash list and, as the user asked, not looked at. A `container`
    was opened; what is in it has rows of its own.
    """

    SCORED = "scored"
    NOT_IMAGE = "not_image"
    UNREADABLE = "unreadable"
    ENCRYPTED = "encrypted"
    OVER_LIMIT = "over_limit"
    TIMEOUT = "timeout"
    CRASHED = "crashed"
    UNSUPPORTED = "unsupported"
    KNOWN = "known"
    CONTAINER = "container"


class Verdict(StrEnum):
    FAKE = "fake"
    REAL = "real"
    INCONCLUSIVE = "inconclusive"


class Origin(StrEnum):
    """What a file says or proves of where it comes from, strongest first.

    AI-generated, a photograph that was edited, or out of a camera; `validated` where a trusted
    signature says so of these very bytes, `declared` where anyone may have written it.
    """

    AI_VALIDATED = "ai_validated"
    EDITED_VALIDATED = "edited_validated"
    CAMERA_VALIDATED = "camera_validated"
    AI_DECLARED = "ai_declared"
    EDITED_DECLARED = "edited_declared"
    CAMERA_DECLARED = "camera_declared"


# Statuses of files that may hold an image nobody looked at, though somebody wanted to.
UNEXAMINED = frozenset(Status) - {
    Status.SCORED,
    Status.NOT_IMAGE,
    Status.KNOWN,
    Status.CONTAINER,
}


@dataclass(frozen=True)
class Record:
    """One row of a report; None where a value does not exist, and no figure is NaN or infinite.

    Each column carries its sentence for the columns reference.
    """

    path: Annotated[
        str,
        "Relative to the evidence; members as `archive.zip!/inner.tar!/a.jpg`, and a "
        "picture that was found in a file's bytes as `disk.dd!/carved-4096.jpg`, by the byte where "
        "it begins (`carved-rest` where a limit ended the search). `!/disk` is the disk in an "
        "image, `!/joined` what several files make up. A backslash is "
        "doubled; ASCII's control characters, bytes that are no UTF-8 and the ! of a folder named "
        "`x!` are `\\xNN`, other control characters, surrogates and marks that turn the direction "
        "of text `\\uNNNN`.",
    ]
    position: Annotated[
        int,
        "Its place among all that came out of its outermost archive, from 1; 0 for a file of its "
        "own. Archives may hold several members of one name. What was found in a file's bytes has "
        "the file's.",
    ]
    sha256: Annotated[str | None, "SHA-256 of the content, 64 hex digits."]
    sha1: Annotated[
        str | None,
        "SHA-1 of the content; only when `--sha1`, a list of SHA-1s or a VICS report asks for it.",
    ]
    md5: Annotated[
        str | None,
        "MD5 of the content; only when `--md5`, a list of MD5s or a VICS report asks for it.",
    ]
    known: Annotated[
        str | None, "Names of the hash lists given with `--known` that hold these bytes."
    ]
    pdq: Annotated[
        str | None,
        "PDQ, a perceptual hash of the upright picture, 64 hex digits; only when `--pdq` or "
        "`--similar` asks for it, and not of pictures with too little detail to be told apart.",
    ]
    similar: Annotated[
        str | None,
        "Lists given with `--similar` that hold a like picture (at most 31 of 256 bits of PDQ "
        "differ), each with the line of the nearest. A likeness, not a proof of identity.",
    ]
    bytes: Annotated[int | None, "Size of the content."]
    format: Annotated[str | None, "Image format by content, whatever the name says."]
    name_mismatch: Annotated[
        str | None, "Set where the name promises another kind of content than the bytes are."
    ]
    width: Annotated[int | None, "Stored pixels across."]
    height: Annotated[int | None, "Stored pixels down."]
    page: Annotated[
        int | None,
        "Which frame or page of the image the row is about, from 1. Every page of a document has "
        "its row (as many as `--max-pages`), of an animation four of its first 100 frames.",
    ]
    frames: Annotated[int | None, "How many frames or pages the image has."]
    status: Annotated[
        Status,
        "What became of the file: `scored`, `not_image` (of a kind that holds no pictures, or "
        "searched from end to end and without any), `container` (what is in it has rows of its "
        "own), `known` (left out by `--skip-known`), or why it was not examined: "
        "`unreadable`, `encrypted`, `over_limit`, `timeout`, `crashed`, `unsupported`.",
    ]
    verdict: Annotated[
        Verdict | None,
        "`fake` (AI-generated), `real` (a photograph) or `inconclusive`; only for scored files.",
    ]
    origin: Annotated[
        Origin | None,
        "What the file itself says of where it comes from, by its strongest finding: "
        "`ai_validated`, `edited_validated`, `camera_validated`, `ai_declared`, `edited_declared` "
        "or `camera_declared`; never part of the score. Empty proves nothing.",
    ]
    p_fake: Annotated[
        float | None,
        "Calibrated probability that the image is fake, 0 to 1, for equal numbers of real and "
        "fake images; only inside a model's domain, and of what may have a verdict.",
    ]
    confidence: Annotated[
        float | None,
        "Probability of the likelier class, 0.5 to 1; only inside a model's domain.",
    ]
    llr: Annotated[
        float | None,
        "log10 of the likelihood ratio fake : real; only inside a model's domain.",
    ]
    logit: Annotated[float | None, "The model's raw log-odds that the image is fake."]
    reason: Annotated[str | None, "Why a verdict is inconclusive."]
    checks: Annotated[
        str | None,
        "What else was measured, as a JSON object: `detail`, `texture`, `blocks` and `seen` of "
        "models that bound them, `ood` (how far the image lies from what the model knows), and the "
        "logit once it was saved again or halved, of images called fake at first sight.",
    ]
    evidence: Annotated[
        str | None,
        "Provenance findings as a JSON list, kept apart from the score; each has a source, a tag "
        "(`declared`, `validated` or `inferred`), a name and a value, and those that `origin` "
        "rests on a `claim` (`ai`, `edited` or `camera`). Empty proves nothing.",
    ]
    error: Annotated[str | None, "Why the file has no verdict."]
    model: Annotated[
        str | None,
        "The model that judged the image: its name and the first 12 hex digits of its file's "
        "SHA-256. Empty where none did, as for sizes in no model's domain.",
    ]


@dataclass(frozen=True)
class Column:
    """A column of every report. `kind` is str, int or float; `meaning` is Markdown."""

    name: str
    kind: type
    meaning: str


def columns() -> list[Column]:
    """The columns of `Record`, in order."""
    hints = get_type_hints(Record, include_extras=True)
    return [_column(name, *get_args(hint)) for name, hint in hints.items()]


def _column(name: str, annotation: type, meaning: str) -> Column:
    value = (get_args(annotation) or (annotation,))[0]  # of `int | None`, the int
    return Column(name, str if issubclass(value, str) else value, meaning)


def path_text(path: str) -> str:
    """A path as text that any report can hold and `path_from_text` reverses.

    Backslashes double; ASCII's control characters and bytes that are no UTF-8 become \\xNN, other
    control characters, surrogates that stand for no byte (Windows and UTF-16 archives allow them in
    names) and marks that turn the direction of text, which could disguise a name, \\uNNNN, and the
    ! of a folder or member named `x!` \\x21, which else could pass for an archive.
    """
    return UNWRITABLE.sub(_escape, path)


def split_path(path: str) -> tuple[str, str]:
    """Folder and name of a record's path, with slashes between folders on every system."""
    folder, _, name = path.replace(path_text(os.sep), "/").rpartition("/")
    return folder, name


def safe_text(text: str) -> str:
    """`text` with the same escapes for what could steer a terminal or that no report can hold.

    Backslashes stay as they are, so that a path_text comes out unchanged.
    """
    return UNPRINTABLE.sub(_escape, text)


def path_from_text(text: str) -> str:
    """The path behind `path_text`, as Python's file functions take it."""
    return ESCAPED.sub(_unescape, text)


def trouble(value: object) -> str | None:
    """What `value` is that no report can hold, such as "no Unicode"; None where all can."""
    if value is None:
        return None
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return "no number of 64 bits"
    if isinstance(value, float) and not math.isfinite(value):
        return "no finite number"
    if isinstance(value, str) and len(value) > LONGEST_TEXT:
        return f"longer than {LONGEST_TEXT:,} characters"
    if isinstance(value, str) and LONE_SURROGATE.search(value):
        return "no Unicode"
    return None


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    if match[0] == "\\":
        return r"\\"
    if code in BYTE_SURROGATES:
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{code:02x}" if code < 0x80 else f"\\u{code:04x}"


def _unescape(match: re.Match[str]) -> str:
    if match[0] == r"\\":
        return "\\"
    code = int(match[0][2:], 16)
    is_byte = match[0][1] == "x" and code >= 0x80
    return chr(code + 0xDC00 if is_byte else code)
