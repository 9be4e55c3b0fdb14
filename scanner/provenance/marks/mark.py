"""What the marks share: the finding that they make, and how they read JSON."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from scanner.provenance.finding import Claim, Finding, Tag

UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"


def made(source: str, name: str, value: str) -> Finding:
    """That all of the image was generated."""
    return Finding(source, Tag.DECLARED, name, value, Claim.AI)


def detail(source: str, name: str, value: str) -> Finding:
    """What claims nothing by itself."""
    return Finding(source, Tag.DECLARED, name, value)


@lru_cache(maxsize=1)  # each mark asks for the same text's
def json_object(text: str) -> dict[str, Any]:
    """The JSON object that a text is, behind a short word at most; empty for anything else."""
    value = text.strip()
    start = value[:40].find("{")
    if start < 0 or not value.endswith("}"):
        return {}
    try:
        found = json.loads(value[start:])
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
