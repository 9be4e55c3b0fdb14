"""The marks that image generators, editors, cameras and laws leave in a file's texts.

One module each, with `findings(text, texts)`: what it recognises in one text, of all that the file
has; in time that grows with its length and no faster, since evidence may be made to stop a scan.
Adding a mark adds a file and an entry in MARKS. The first that finds a text to be of a generated
image has it, since a prompt may speak of anything; what claims less leaves it to the others too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from scanner.provenance.encodings import is_text
from scanner.provenance.finding import Claim, Finding, Tag
from scanner.provenance.marks import (
    a1111,
    adobe,
    aigc_label,
    bytedance,
    camera,
    comfyui,
    credits,
    draw_things,
    easy_diffusion,
    fooocus,
    grok,
    invokeai,
    iptc_ai,
    makers,
    midjourney,
    novelai,
    samsung,
    settings,
    swarmui,
)
from scanner.provenance.texts.text import OF_INGREDIENT, Text

# Those of one program before those that any program may leave; a camera is what is left.
MARKS = (
    iptc_ai, aigc_label, bytedance, credits, novelai, swarmui, fooocus, invokeai, comfyui,
    draw_things, easy_diffusion, grok, midjourney, samsung, adobe, a1111, settings, makers, camera,
)  # fmt: skip


def findings(text: Text, texts: Sequence[Text]) -> Iterator[Finding]:
    """What the marks say of a text, or the text as it is."""
    if text.name.startswith(OF_INGREDIENT):
        yield from _of_ingredient(text)
        return
    recognised: list[Finding] = []
    for mark in MARKS:
        recognised += mark.findings(text, texts)
        if any(finding.claim is Claim.AI for finding in recognised):
            break
    yield from recognised
    if not recognised and text.is_shown and is_text(text.value):
        yield Finding(text.source, Tag.DECLARED, text.name, text.value)


def _of_ingredient(text: Text) -> Iterator[Finding]:
    """Of what a part of the image was before: it was edited where that part was generated."""
    own = text._replace(name=text.name.removeprefix(OF_INGREDIENT), is_shown=False)
    for finding in findings(own, [own]):
        claim = None if finding.claim in (None, Claim.CAMERA) else Claim.EDITED
        yield replace(finding, name=f"{OF_INGREDIENT}{finding.name}", claim=claim)
