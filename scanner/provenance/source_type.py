"""The IPTC's digital source types (cv.iptc.org/newscodes/digitalsourcetype), however spelled."""

from __future__ import annotations

import re

from scanner.provenance.finding import Claim

CLAIMS = {
    "trainedalgorithmicmedia": Claim.AI,
    "compositewithtrainedalgorithmicmedia": Claim.EDITED,
    "compositesynthetic": Claim.EDITED,
    "compositecapture": Claim.EDITED,
    "composite": Claim.EDITED,
    "algorithmicallyenhanced": Claim.EDITED,
    "humanedits": Claim.EDITED,
    "minorhumanedits": Claim.EDITED,
    "digitalcapture": Claim.CAMERA,
    "computationalcapture": Claim.CAMERA,
    "multiframecomputationalcapture": Claim.CAMERA,
    "negativefilm": Claim.CAMERA,
    "positivefilm": Claim.CAMERA,
    "print": Claim.CAMERA,
}
# Behind these stands the code in a web address of IPTC or schema.org, or in a name for one.
BEFORE = re.compile(r"[/#:]")
LONGEST = 300  # characters
BETWEEN = re.compile(r"[\s_-]")  # words, as some write them
BEHIND = re.compile(r"digitalsource$")  # as schema.org's names end


def last_part(name: str) -> str:
    """Of an address or a name with a prefix."""
    return BEFORE.split(name)[-1]


def claim(value: str) -> Claim | None:
    """Where an image comes from by a source type: an address, a name such as
    `digsrctype:digitalCapture` or schema.org's, or the bare code, in any case.
    """
    code = last_part(value[:LONGEST].partition("?")[0].strip().rstrip("/"))
    return CLAIMS.get(BEHIND.sub("", BETWEEN.sub("", code).lower()))
