"""Where a file says that it comes from, in one word, and where what it says does not fit."""

from __future__ import annotations

from collections.abc import Sequence

from scanner.provenance.finding import Claim, Finding, Tag
from scanner.record import Origin

SAYS = {Claim.AI: "AI-generated", Claim.EDITED: "edited", Claim.CAMERA: "out of a camera"}


def origin(findings: Sequence[Finding]) -> Origin | None:
    """By the strongest finding with a claim: what is validated before what is not, and among
    equals AI-generated before edited before a camera.

    A mark that was inferred, as a known watermark is, counts as declared: whoever has the program
    that writes it can write it.
    """
    claims = {(finding.claim, finding.tag is Tag.VALIDATED) for finding in findings}
    for validated in (True, False):
        for claim in Claim:
            if (claim, validated) in claims:
                return Origin(f"{claim}_{'validated' if validated else 'declared'}")
    return None


def contradictions(findings: Sequence[Finding]) -> list[Finding]:
    """A finding where some say AI-generated and others that it comes out of a camera, or where
    what is only declared goes beyond what was validated.
    """
    decided = origin(findings)
    if decided is None:
        return []
    chosen = Claim(decided.partition("_")[0])
    against = {Claim.AI: {Claim.CAMERA}, Claim.EDITED: {Claim.AI}, Claim.CAMERA: set(Claim)}
    others = [it for it in Claim if it in against[chosen] - {chosen} and _whose(findings, it)]
    if not others:
        return []
    sides = [f"{SAYS[it]} by {_whose(findings, it)}" for it in (chosen, *others)]
    return [Finding("imgscan", Tag.INFERRED, "contradiction", ", but ".join(sides))]


def _whose(findings: Sequence[Finding], claim: Claim) -> str:
    """By their sources alone, which are imgscan's own words: names may be the file's."""
    return ", ".join(dict.fromkeys(it.source for it in findings if it.claim is claim))
