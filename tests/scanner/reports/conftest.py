"""Records of every kind, with the names that break reports."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from scanner.record import Origin, Record, Status, Verdict, path_text

MODEL = "resnet18@b586ad6239de"
PLAIN = Record(
    path="plain.png",
    position=0,
    sha256="ab" * 32,
    sha1="ef" * 20,
    md5="cd" * 16,
    known="list.txt, =other.txt",
    pdq="01" * 32,
    similar="list.txt: line 17, 4 of 256 bits differ",
    bytes=3119,
    format="PNG",
    name_mismatch="named .jpg, but the content is PNG",
    width=32,
    height=32,
    page=1,
    frames=1,
    status=Status.SCORED,
    verdict=Verdict.FAKE,
    origin=Origin.AI_DECLARED,
    p_fake=0.999999,
    confidence=0.999999,
    llr=-0.5795,
    logit=-1e-05,
    reason=None,
    checks=None,
    evidence='[{"source":"c2pa","tag":"declared","name":"signed; \\"x\\"","value":"=1+1,\\n",'
    '"claim":"ai"},{"source":"png","tag":"declared","name":"<b>","value":"a\\u202eb","length":999}]',
    error=None,
    model=MODEL,
)
NAMES = [
    "undecodable \udcff\udc80.jpg",
    "lone surrogate \ud83d.jpg",
    "new\nline\r\n.jpg",
    "control \x00\x01\x7f\x1b[31m.jpg",
    "separators \u0085\u2028\u2029.jpg",
    "quo\"te 's, comma; semicolon|.jpg",
    "'quoted first.jpg",
    "=HYPERLINK(1).jpg",
    "  \t=1+1.jpg",
    "\t@SUM(1).jpg",
    "+1.jpg",
    "-1.jpg",
    "＝1.jpg",
    "back\\slash \\x41 \\\\.jpg",
    "emoji 👩‍👩‍👧 中文 é é.jpg",
    "right to left \u202egpj.exe",
    "archive.zip!/" + "very long " * 10_000 + ".jpg",
    "NaN",
    "1e5",
    "true",
    "null",
    "{}",
    "_:b0",
    "http://[broken",
    " ",
]


@pytest.fixture
def names() -> list[str]:
    """Names as Python's file functions take them."""
    return NAMES


@pytest.fixture
def record() -> Callable[..., Record]:
    """Builds a scored record with the columns given."""

    def build(**columns: Any) -> Record:
        return replace(PLAIN, **columns)

    return build


@pytest.fixture
def records(record: Callable[..., Record]) -> list[Record]:
    """One record a hostile name, status and verdict, in path order."""
    unjudged = {"p_fake": None, "confidence": None, "llr": None, "logit": None, "model": None}
    nothing = {"verdict": None, "origin": None, "evidence": None, **unjudged}
    unknown = {"format": None, "width": None, "height": None, "page": None, "frames": None}
    made = [record(path=path_text(name)) for name in NAMES]
    made += [
        record(path="real.png", verdict=Verdict.REAL, p_fake=1e-06),
        record(path="unsure.png", verdict=Verdict.INCONCLUSIVE, reason="too close to call"),
        record(path="large.png", verdict=Verdict.INCONCLUSIVE, reason="outside", **unjudged),
        record(path="twin.zip!/a.png", position=1),
        record(path="twin.zip!/a.png", position=2),
    ]
    made += [
        record(path=f"{status}.png", status=status, error=f"{status},\r\nso", **nothing, **unknown)
        for status in Status
        if status is not Status.SCORED
    ]
    made.append(
        record(
            path="no hash",
            status=Status.UNREADABLE,
            error="gone",
            sha256=None,
            bytes=None,
            **nothing,
            **unknown,
        )
    )
    return sorted(made, key=lambda made: (made.path, made.position))


@pytest.fixture
def facts() -> dict[str, Any]:
    """Facts of a scan, as a scan gives them to its reports."""
    return {
        "imgscan": "0.1.0",
        "models": [
            {
                "name": "resnet18",
                "sha256": "cd" * 32,
                "domain": {"description": "CIFAKE: 32×32", "min_side": 32, "max_side": 32},
                "sees": "the picture's centre square",
                "false_positive_rate": 0.01,
                "false_negative_rate": 0.02,
                "provider": "CPUExecutionProvider",
                "precision": "float32",
                "verdicts": dict.fromkeys(Verdict, 1),
            }
        ],
        "statuses": dict.fromkeys(Status, 1),
        "verdicts": dict.fromkeys(Verdict, 1),
    }
