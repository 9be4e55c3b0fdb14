"""The marks that image generators, editors, cameras and laws leave in a file's texts.

One module each, with `findings(text, texts)`: what it recognises in one text, of all that the file
has; in time that grows with its length and no faster, since evidence may be made to stop a scan.
Adding a mark adds a file and an entry in MARKS, where the first that recognises a text has it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from scanner.provenance.encodings import is_text
from scanner.provenance.finding import Finding, Tag
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
from scanner.provenance.texts.text import Text

# Those of one program before those that any program may leave; a camera is what is left.
MARKS = (
    iptc_ai, aigc_label, bytedance, credits, novelai, swarmui, fooocus, invokeai, comfyui,
    draw_things, easy_diffusion, grok, midjourney, samsung, adobe, a1111, settings, makers, camera,
)  # fmt: skip


def findings(text: Text, texts: Sequence[Text]) -> Iterator[Finding]:
    """What the first mark says that recognises the text, or the text as it is."""
    recognised = next(filter(None, (list(mark.findings(text, texts)) for mark in MARKS)), None)
    if recognised:
        yield from recognised
    elif text.is_shown and is_text(text.value):
        yield Finding(text.source, Tag.DECLARED, text.name, text.value)
