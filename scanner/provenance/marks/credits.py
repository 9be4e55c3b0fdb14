"""The credit lines of the generators and editors of Google, OpenAI, Apple, Meta and others."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from scanner.provenance.finding import Claim, Finding, Tag
from scanner.provenance.texts.text import CREDITED, PROGRAMS, Text

WHO = (
    r"(?:google ai|openai|chatgpt|dall[·\-. ]?e(?: ?\d)?|meta ai|google gemini|gemini"
    r"|adobe firefly|(?:generative )?ai)"
)
CREDITS = {
    re.compile(rf"(?:made|created|generated|imagined) (?:with|by|using) {WHO}\.?"): Claim.AI,
    re.compile(r"(?:100% )?ai[- ]generated(?: (?:image|picture|content))?\.?"): Claim.AI,
    re.compile(rf"edited (?:with|by|using) {WHO}\.?"): Claim.EDITED,
    re.compile(r"apple image playground"): Claim.AI,
    re.compile(r"apple photos clean up|(?:modified|edited) with clean up"): Claim.EDITED,
}
LONGEST = 200  # characters, blanks included


def findings(text: Text, texts: Sequence[Text]) -> Iterator[Finding]:
    """Only where makers are named: keywords and headlines may be of such things."""
    if text.name in CREDITED | PROGRAMS and (found := claim(text.value)):
        yield Finding(text.source, Tag.DECLARED, text.name, text.value, found)


def claim(text: str) -> Claim | None:
    """What a credit says that is one of these lines and no more."""
    line = " ".join(text[:LONGEST].lower().split())
    return next((it for pattern, it in CREDITS.items() if pattern.fullmatch(line)), None)
